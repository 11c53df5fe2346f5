import fc from 'fast-check'
import { simulate } from './simulate.ts'
import type { SimulationOptions, SimulationResult } from './simulate.ts'
import type { SimulationPlan } from './simulation-plan.ts'
import { formatStory } from './story.ts'
import type { Violation } from './violation.ts'

export interface AssertSimulationsOptions<Operation> {
  readonly plans: fc.Arbitrary<SimulationPlan<Operation>>
  /** Called anew for each plan, as a system or a watch may remember. */
  readonly simulation: () => SimulationOptions<Operation>
  /** What is wrong with a result. Default: what the simulation itself has found. */
  readonly check?: (
    result: SimulationResult<Operation>,
  ) => readonly Violation[] | Promise<readonly Violation[]>
  /** How many plans, and which: `seed` and `path` of a failure replay it. Default: 100, others each time. */
  readonly runs?: Pick<
    fc.Parameters,
    'numRuns' | 'seed' | 'path' | 'interruptAfterTimeLimit' | 'endOnFailure'
  >
}

/** A plan that breaks a promise, as small as it could be made. */
export interface SimulationFailure<Operation> {
  readonly plan: SimulationPlan<Operation>
  readonly violations: readonly Violation[]
  readonly result: SimulationResult<Operation>
  /** Put into `runs`, they make this failure the first plan. */
  readonly replay: { readonly seed: number; readonly path: string }
}

/**
 * Simulates many plans. On a failure it shrinks the plan and rejects with an error that tells its story and how to
 * replay it.
 *
 * @example
 * ```ts
 * await assertSimulations({
 *   plans: simulationPlans({ operations: recordOperations(), targets: [HEAD] }),
 *   simulation: () => ({
 *     system: { start: ({ objects, clock, ids }) => createNotes({ objects, clock, ids }) },
 *     watch: watchHeadChain((key) => key === HEAD, readLink),
 *   }),
 *   check: (result) => checkRecordHistory(result, { headKey: HEAD, decode: ({ bytes }) => readNotes(bytes) }),
 *   runs: { numRuns: 5_000 },
 * })
 * ```
 */
export async function assertSimulations<Operation>(
  options: AssertSimulationsOptions<Operation>,
): Promise<void> {
  const failure = await findFailure(options)
  if (failure !== undefined) throw new Error(formatFailure(failure))
}

/** The smallest failure found, or undefined when no plan fails. */
export async function findFailure<Operation>({
  plans,
  simulation,
  check = ({ violations }) => violations,
  runs = {},
}: AssertSimulationsOptions<Operation>): Promise<SimulationFailure<Operation> | undefined> {
  const attempt = async (plan: SimulationPlan<Operation>): Promise<Attempt<Operation>> => {
    const result = await simulate(plan, simulation())
    return { result, violations: await check(result) }
  }
  let seen: Attempt<Operation> | undefined
  const property = fc.asyncProperty(plans, async (plan) => {
    const attempted = await attempt(plan)
    if (attempted.violations.length > 0) seen = attempted
    return attempted.violations.length === 0
  })
  const details = await fc.check(property, runs)
  if (!details.failed || details.counterexample === null) return undefined
  const [plan] = details.counterexample
  const replay = { seed: details.seed, path: details.counterexamplePath ?? '' }
  const again = await attempt(plan)
  if (again.violations.length > 0) return { plan, replay, ...again }
  throw new Error(
    `a plan has failed and does not fail again: the system uses time, chance or I/O that it was not given\n${formatFailure({ plan, replay, ...(seen ?? again) })}`,
  )
}

type Attempt<Operation> = Pick<SimulationFailure<Operation>, 'result' | 'violations'>

/** What broke, the story, the plan, and the line that replays it. */
export function formatFailure<Operation>(failure: SimulationFailure<Operation>): string {
  const { violations, result, replay, plan } = failure
  return [
    ...violations.map(({ property, message }) => `${property}: ${message}`),
    '',
    formatStory(result.story),
    '',
    `plan: ${JSON.stringify(plan)}`,
    `replay: runs: { seed: ${replay.seed}, path: '${replay.path}' }`,
  ].join('\n')
}
