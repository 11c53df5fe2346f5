import { afterAll, beforeAll, describe } from 'vitest'
import type { StorageManager } from '../manager/storage-manager.ts'
import type { BackendUnderTest, StorageUnderTest, SuiteContext } from './backend-under-test.ts'
import { blobSuite } from './blob-suite.ts'
import { concurrencySuite } from './concurrency-suite.ts'
import { consistencySuite } from './consistency-suite.ts'
import { formatSuite } from './format-suite.ts'
import { importSuite } from './import-suite.ts'
import { inputSuite } from './input-suite.ts'
import { isolationSuite } from './isolation-suite.ts'
import { lifecycleSuite } from './lifecycle-suite.ts'
import { linkSuite } from './link-suite.ts'
import { listingSuite } from './listing-suite.ts'
import { recordSuite } from './record-suite.ts'
import { searchSuite } from './search-suite.ts'

/**
 * The specification of a backend, through the calls applications make. Every backend runs all of it; a capability a
 * backend lacks is tested too: it must be refused as `UNSUPPORTED`, with the reason the backend states.
 */
export function describeBackend(name: string, backend: BackendUnderTest): void {
  describe(`${name} conforms`, () => {
    const context = useStorage(backend)
    recordSuite(context)
    formatSuite(context)
    importSuite(context)
    concurrencySuite(context)
    consistencySuite(context)
    listingSuite(context)
    searchSuite(context)
    isolationSuite(context)
    blobSuite(context)
    linkSuite(context)
    inputSuite(context)
    lifecycleSuite(context)
  })
}

function useStorage(backend: BackendUnderTest): SuiteContext {
  let underTest: StorageUnderTest | undefined
  let first: StorageManager | undefined
  const opened: StorageManager[] = []
  let modules = 0

  beforeAll(async () => {
    underTest = await backend.create()
    first = await underTest.connect()
  })
  afterAll(async () => {
    await Promise.all([...opened, ...(first === undefined ? [] : [first])].map((storage) => storage.close()))
    await underTest?.destroy()
  })

  return {
    get storage() {
      if (first === undefined) throw new Error('the storage is not open yet')
      return first
    },
    async connect() {
      if (underTest === undefined) throw new Error('the storage is not open yet')
      const storage = await underTest.connect()
      opened.push(storage)
      return storage
    },
    newModule: () => `module-${++modules}`,
    parquetGap: backend.parquetGap,
  }
}
