/** Either the backend has it, or it says why not. */
export type Capability = true | { readonly missing: string }

/** What a backend promises beyond the port's own methods. */
export interface StorageCapabilities {
  /** Several processes may write to one namespace at the same time. */
  readonly multiWriter: Capability
  /** Download links that need no credentials. */
  readonly presignedDownload: Capability
  /** Upload links that need no credentials. */
  readonly presignedUpload: Capability
  /** A version of a namespace can be pinned and read while others write. */
  readonly snapshots: Capability
  /** The data outlives the process. */
  readonly durable: Capability
}
