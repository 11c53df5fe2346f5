/** Statements without effect on what is committed: they still run in a dead process, so that it lets go of its locks. */
const HARMLESS = /^\s*(rollback\s*$|pragma)/i

export interface KillableTrace {
  /** To be told each statement before it runs; throws from the one on at which the process dies. */
  readonly trace: (statement: string) => void
  /** From now on, the n-th statement is never executed, nor any after it; its transaction is undone. */
  killAt(nth: number): void
  /** Statements since then, or since the file was opened. */
  readonly count: () => number
  /** Lets everything pass again, to close the file. */
  release(): void
}

/** Ends a process at one of its SQL statements, as SIGKILL would: what was not committed is gone. */
export function createKillableTrace(onKill: () => void): KillableTrace {
  let count = 0
  let left = Infinity
  let state: 'alive' | 'dead' | 'released' = 'alive'
  return {
    trace: (statement) => {
      if (state === 'released' || HARMLESS.test(statement)) return
      count++
      if (state === 'alive' && --left > 0) return
      if (state === 'alive') {
        state = 'dead'
        onKill()
      }
      throw new Error('this process is dead')
    },
    killAt: (nth) => {
      left = nth
      count = 0
    },
    count: () => count,
    release: () => {
      state = 'released'
    },
  }
}
