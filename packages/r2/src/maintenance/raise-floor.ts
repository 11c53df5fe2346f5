/** What can commit a floor. */
export interface FloorPublisher {
  publish(change: { readonly floor: string }): Promise<void>
}

/** Commits the floor, by compare-and-swap like every version, before anything is deleted by it. */
export function raiseFloor(manifest: FloorPublisher, floor: string): Promise<void> {
  return manifest.publish({ floor })
}
