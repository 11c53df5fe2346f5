import { mergeConfig } from 'vitest/config'
import shared from '../../vitest.shared.ts'

/** Two at a time: the conformance suites of r2 and hybrid are long, and one worker is the default on two cores. */
export default mergeConfig(shared, { test: { maxWorkers: 2 } })
