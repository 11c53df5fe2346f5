export type { BackendUnderTest, StorageUnderTest, SuiteContext } from './testing/backend-under-test.ts'
export { describeBackend } from './testing/describe-backend.ts'
