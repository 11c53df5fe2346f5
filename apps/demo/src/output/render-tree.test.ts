import { describe, expect, it } from 'vitest'
import { renderTree } from './render-tree.ts'

const file = (key: string, size = 1_000) => ({ key, size })

describe('renderTree', () => {
  it('shows folders, a few files of each, and how many more there are', () => {
    const films = ['a', 'b', 'c', 'd', 'e'].map((name) => file(`demo/films/2025/01/31/${name}.json`))
    const files = [file('manifests/demo/films/manifest.jsonl', 481_000), ...films, file('readme', 12)]
    expect(renderTree(files, { maxFiles: 3, width: 40 })).toEqual([
      '├── manifests/demo/films/',
      '│   └── manifest.jsonl            481 kB',
      '├── demo/films/2025/01/31/',
      '│   ├── a.json                      1 kB',
      '│   ├── b.json                      1 kB',
      '│   ├── c.json                      1 kB',
      '│   └── ... 2 more                  2 kB',
      '└── readme                          12 B',
    ])
  })

  it('gives a folder its own line as soon as something else is beside the folder in it', () => {
    const files = [file('demo/films/1.json'), file('demo/flights/2.json'), file('demo/index')]
    expect(renderTree(files, { maxFiles: 3, width: 30 })).toEqual([
      '└── demo/',
      '    ├── films/',
      '    │   └── 1.json        1 kB',
      '    ├── flights/',
      '    │   └── 2.json        1 kB',
      '    └── index             1 kB',
    ])
  })

  it('cuts a name that is too long, never its size', () => {
    const files = [file('01M85M9QVMKPWH0G4XT0J42YH6.json', 442)]
    expect(renderTree(files, { maxFiles: 3, width: 30 })).toEqual(['└── 01M85M9QVMKPWH0G4XT… 442 B'])
  })

  it('has no lines for an empty bucket', () => {
    expect(renderTree([], { maxFiles: 3, width: 30 })).toEqual([])
  })
})
