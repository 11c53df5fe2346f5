import { parseArgs } from 'node:util'

export const BACKENDS = ['sqlite', 'r2', 'hybrid'] as const

export type DemoBackend = (typeof BACKENDS)[number]

export type DemoCommand =
  | { readonly kind: 'run'; readonly backends: readonly DemoBackend[]; readonly keep: boolean }
  | { readonly kind: 'outage' }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

/** Without a backend: everything a newcomer can see with no account and no network. */
const TOUR: readonly DemoBackend[] = ['sqlite', 'r2']

export const HELP = `Umbra Storage: a guided demonstration on real data.

usage: npm run demo -- [options]

  --backend sqlite|r2|hybrid   show one backend (default: sqlite, then r2)
  --outage                     not the tour: store while a local R2 server is really away
  --keep                       keep the stored data and say where it is
  --help                       show this

r2 and hybrid use a local R2 server that needs no account and no network. To use a real bucket, set
R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and R2_BUCKET (see .env.example) and name the backend;
everything is written under the module umbra-demo and stays there until you delete it.
`

/** What the words after `npm run demo --` ask for. */
export function parseDemoArguments(words: readonly string[]): DemoCommand {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        backend: { type: 'string' },
        outage: { type: 'boolean' },
        keep: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    if (values.help === true) return { kind: 'help' }
    if (values.outage === true) {
      if (Object.keys(values).length === 1) return { kind: 'outage' }
      return { kind: 'wrong', problem: '--outage goes with no other option' }
    }
    const backends = values.backend === undefined ? TOUR : BACKENDS.filter((name) => name === values.backend)
    if (backends.length === 0) {
      return {
        kind: 'wrong',
        problem: `--backend must be one of ${BACKENDS.join(', ')}, not '${values.backend}'`,
      }
    }
    return { kind: 'run', backends, keep: values.keep === true }
  } catch (error) {
    if (!isArgumentError(error)) throw error
    // Node's message goes on with advice about positional arguments, of which there are none here.
    return { kind: 'wrong', problem: error.message.split('. ')[0] ?? error.message }
  }
}

function isArgumentError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')
}
