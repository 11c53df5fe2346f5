import { formatBytes, formatCount } from './format-quantity.ts'
import { cutText } from './wrap-text.ts'

export interface StoredFile {
  /** Folders and name, separated by slashes. */
  readonly key: string
  /** Bytes. */
  readonly size: number
}

export interface TreeOptions {
  /** Files shown per folder; the others are counted. */
  readonly maxFiles: number
  /** Characters per line. */
  readonly width: number
}

interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: { readonly name: string; readonly size: number }[]
}

/** One line of a folder and what lies below it. */
interface Branch {
  readonly label: string
  readonly size?: number
  readonly below?: Folder
}

/** Files as a tree, one line each. Folders that hold nothing but one folder share its line. */
export function renderTree(files: readonly StoredFile[], options: TreeOptions): string[] {
  return renderFolder(toFolder(files), '', options)
}

function toFolder(files: readonly StoredFile[]): Folder {
  const root: Folder = { folders: new Map(), files: [] }
  for (const { key, size } of files) {
    const parts = key.split('/')
    const name = parts.pop() ?? ''
    let folder = root
    for (const part of parts) {
      const inner: Folder = folder.folders.get(part) ?? { folders: new Map(), files: [] }
      folder.folders.set(part, inner)
      folder = inner
    }
    folder.files.push({ name, size })
  }
  return root
}

function renderFolder(folder: Folder, indent: string, options: TreeOptions): string[] {
  const branches = branchesOf(folder, options.maxFiles)
  return branches.flatMap((branch, index) => {
    const last = index === branches.length - 1
    const line = renderBranch(branch, `${indent}${last ? '└── ' : '├── '}`, options.width)
    if (branch.below === undefined) return [line]
    return [line, ...renderFolder(branch.below, `${indent}${last ? '    ' : '│   '}`, options)]
  })
}

function branchesOf({ folders, files }: Folder, maxFiles: number): Branch[] {
  const hidden = files.slice(maxFiles)
  return [
    ...Array.from(folders, ([name, folder]) => joinSingleFolders(name, folder)),
    ...files.slice(0, maxFiles).map(({ name, size }) => ({ label: name, size })),
    ...(hidden.length > 0
      ? [
          {
            label: `... ${formatCount(hidden.length)} more`,
            size: hidden.reduce((sum, { size }) => sum + size, 0),
          },
        ]
      : []),
  ]
}

function joinSingleFolders(name: string, folder: Folder): Branch {
  const [only, another] = folder.folders
  if (only === undefined || another !== undefined || folder.files.length > 0) {
    return { label: `${name}/`, below: folder }
  }
  const [innerName, inner] = only
  return joinSingleFolders(`${name}/${innerName}`, inner)
}

function renderBranch({ label, size }: Branch, indent: string, width: number): string {
  if (size === undefined) return indent + label
  const bytes = formatBytes(size)
  const left = width - bytes.length - 1
  return `${cutText(indent + label, left).padEnd(left)} ${bytes}`
}
