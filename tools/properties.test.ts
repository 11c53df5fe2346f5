import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const PACKAGES = resolve(import.meta.dirname, '..', 'packages')

/** What no schedule of faults may break; each is numbered in the title of its tests. */
const PROPERTIES = Array.from({ length: 36 }, (_, index) => index + 1)

const COMMENTS = /^\s*(?:\/\/|\/?\*).*$/gm

/** The first argument of a call, should it be a text, but for tests that do not run. */
const TITLES = /(?<!\.(?:skip|todo))\(\s*(['"`])((?:(?!\1).)*)\1/g

function propertiesIn(source: string): readonly number[] {
  const titles = [...source.replaceAll(COMMENTS, '').matchAll(TITLES)].map(([, , title = '']) => title)
  return titles.flatMap((title) =>
    [...title.matchAll(/^(\d+)\. |\bproperty (\d+)\b/g)].map(([, first, second]) => Number(first ?? second)),
  )
}

it('each of the 36 properties has a test that names it', async () => {
  const files = await readdir(PACKAGES, { recursive: true })
  const tests = files.filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
  const sources = await Promise.all(tests.map((file) => readFile(join(PACKAGES, file), 'utf8')))
  const named = new Set(sources.flatMap(propertiesIn))
  expect(PROPERTIES.filter((property) => !named.has(property))).toEqual([])
})

it.each([
  ["it('3. says so', () => {})", [3]],
  ["it.each([1])(\n  'so it is (property 12)',\n", [12]],
  ["// it('3. says so', () => {})", []],
  ["it.skip('3. says so', () => {})", []],
  ["expect(text).toBe(' 3. ')", []],
])('finds what the titles in %j name', (source, found) => {
  expect(propertiesIn(source)).toEqual(found)
})
