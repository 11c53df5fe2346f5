import { manageBackend } from '@umbra/core'
import { createR2Backend } from './create-r2-backend.ts'
import type { R2Settings } from './r2-settings.ts'

/** One process of the two-process test: eight writers store records, and increment one counter each time. */
const [settingsText = '', name = '', perWriter = ''] = process.argv.slice(2)
const settings = JSON.parse(settingsText) as R2Settings
const storage = manageBackend(await createR2Backend(settings))

async function write(writer: number): Promise<void> {
  for (let n = 0; n < Number(perWriter); n++) {
    const { id } = await storage.storeData({ module: 'm', userId: 'u', data: { name, writer, n } })
    process.stdout.write(`${id}\n`)
  }
  await storage.updateData({
    module: 'm',
    userId: 'u',
    recordId: 'counter',
    data: (current: { total: number }) => ({ total: current.total + 1 }),
  })
}

await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
await storage.close()
