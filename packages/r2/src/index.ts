export { createR2Backend } from './create-r2-backend.ts'
export type { R2Components } from './create-r2-backend.ts'
export { assembleR2Backend } from './r2-backend.ts'
export type { R2BackendParts } from './r2-backend.ts'
export type { ObjectLinks } from './r2-upload-staging.ts'
export type {
  DeleteFailure,
  DeleteOutcome,
  FoundObject,
  GetOptions,
  ListOptions as ListObjectsOptions,
  NotModified,
  ObjectBody,
  ObjectHead,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './objects/object-store.ts'
export { DEFAULT_CONNECT_TIMEOUT_MS, DEFAULT_REGION, DEFAULT_REQUEST_TIMEOUT_MS } from './r2-settings.ts'
export type { R2Settings } from './r2-settings.ts'
export { createR2StorageManager } from './r2-storage-manager.ts'
export type { R2StorageManager, UploadRequest } from './r2-storage-manager.ts'
