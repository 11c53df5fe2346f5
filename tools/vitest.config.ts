import { defineConfig } from 'vitest/config'
import shared from '../vitest.shared.ts'

/** Tests of the workspace itself: boundaries, documents, package files. */
export default defineConfig({
  ...shared,
  root: 'tools',
  test: { ...shared.test, include: ['*.test.ts'] },
})
