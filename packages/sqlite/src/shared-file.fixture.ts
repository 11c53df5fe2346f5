import { hasErrorCode, manageBackend } from '@umbra/core'
import { createSqliteBackend } from './sqlite-backend.ts'

// One of several processes that use the same file: `<path> <name> <records>`, or `<path> <name> forever`.
const [path = '', name = '', amount = ''] = process.argv.slice(2)
const storage = manageBackend(await createSqliteBackend({ path }))
const WRITERS = 8

async function count(): Promise<void> {
  for (;;) {
    try {
      await storage.updateData({
        module: 'shared',
        userId: 'counter',
        recordId: 'counter',
        data: (current: { n: number }) => ({ n: current.n + 1 }),
      })
      return
    } catch (error) {
      if (!hasErrorCode(error, 'CONFLICT', 'UNAVAILABLE')) throw error
    }
  }
}

async function write(next: () => number, limit: number): Promise<void> {
  for (let n = next(); n < limit; n = next()) {
    await storage.storeData({ module: 'shared', userId: 'u', id: `${name}-${n}`, data: { n } })
    await count()
    // One write to the pipe per record, so that it is out before this process can be killed.
    process.stdout.write(`${name}-${n}\n`)
  }
}

let last = -1
const next = () => ++last
const limit = amount === 'forever' ? Infinity : Number(amount)
await Promise.all(Array.from({ length: WRITERS }, () => write(next, limit)))
await storage.close()
