import { namespacePath } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import type { Lane } from '@umbra/sqlite'

export function laneOf(namespace: Namespace): Lane {
  const { module, userId } = namespace
  return { path: namespacePath(namespace), namespace: { module, userId } }
}

export function blobLane(path: string): Lane {
  return { path, namespace: undefined }
}
