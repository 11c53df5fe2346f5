import { mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalR2 } from './start-local-r2.ts'

// A temporary folder of its own shows which folder the server made.
const scratch = join(tmpdir(), `umbra-guard-${process.pid}`)
await mkdir(scratch)
process.env['TMPDIR'] = scratch

const local = await startLocalR2()
const name = (await readdir(scratch)).find((entry) => entry.startsWith('umbra-r2-')) ?? ''
console.log(JSON.stringify({ endpoint: local.endpoint, folder: join(scratch, name), scratch }))
