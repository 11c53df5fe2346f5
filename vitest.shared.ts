import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

/** Suites that take minutes, most of it waiting for processes: begun last, they would run on alone. */
const LONG = /kill|simulation|conformance|protocol-rules/

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) =>
      LONG.test(moduleId.slice(moduleId.lastIndexOf('/src/')))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** The one test configuration: every package runs from TypeScript source, no build needed. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@umbra/source'] } },
  test: {
    include: ['src/**/*.test.ts'],
    // The long suites wait for servers and processes; one worker is the default on two cores.
    maxWorkers: 2,
    sequence: { sequencer: LongOnesFirst },
    restoreMocks: true,
    passWithNoTests: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: process.env['CI'] ? ['dot', 'json'] : ['default', 'json'],
    outputFile: { json: '.test-counts/vitest.json' },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
})
