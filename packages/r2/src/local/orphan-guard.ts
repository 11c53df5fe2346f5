import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/**
 * Reads process ids from its input, the newest last. When the input ends, which the system sees to however the
 * writer dies, it kills that process and removes the folder given as its argument, if any.
 */
const GUARD_SCRIPT = 'while read -r pid; do last=$pid; done; kill -9 "$last"; [ -z "$1" ] || rm -rf -- "$1"'

export interface OrphanGuard {
  /** Runs `start`, and from then on guards the newest process started from within it. */
  watch<T>(start: () => T): T
  /** Call when every process to guard has started. */
  watched(): void
  /** Call before the guarded process is ended in the ordinary way, so that its id can be reused in peace. */
  release(): void
}

/**
 * Makes sure that a server process does not outlive this one, even when this one is killed without a chance to clean
 * up: a small shell in a session of its own waits for that. On systems without `sh` there is no guard.
 */
export function createOrphanGuard(temporaryFolder: string | undefined): OrphanGuard {
  const guard = spawn('sh', ['-c', GUARD_SCRIPT, 'umbra-local-r2-guard', temporaryFolder ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Best effort: without a shell the server still works, and still ends with an orderly exit.
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  const scope = new AsyncLocalStorage<true>()
  // The library that starts the server does not say which process it is; Node announces every one it starts.
  const onProcess = (message: unknown): void => {
    if (scope.getStore() === undefined) return
    const { process: child } = message as { process: ChildProcess }
    child.once('spawn', () => guard.stdin.write(`${child.pid}\n`))
  }
  subscribe('child_process', onProcess)
  const stopWatching = (): void => {
    unsubscribe('child_process', onProcess)
    // On Node before 24, a scope that was used once makes every promise of the process dearer.
    scope.disable()
  }
  return {
    watch: (start) => scope.run(true, start),
    watched: stopWatching,
    release: () => {
      stopWatching()
      guard.kill('SIGKILL')
    },
  }
}
