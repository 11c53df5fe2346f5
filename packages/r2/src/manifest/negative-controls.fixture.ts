import { recordOperations } from '@umbra/core/testing'
import type { ViolatedProperty } from '@umbra/core/testing'
import * as broken from './broken-rules.fixture.ts'
import type { ManifestSimulation } from './manifest-simulation.fixture.ts'
import { HEAD } from './simulated-manifest.fixture.ts'

/** A rule that is broken, and what the simulator must say about it. */
export interface NegativeControl {
  /** What the engine then does. */
  readonly name: string
  /** Circumstances in which the mistake shows soon. With the rule as it is, nothing breaks in them. */
  readonly setting?: ManifestSimulation
  readonly mistake: ManifestSimulation
  /** Which of them is seen first depends on the schedule. */
  readonly properties: readonly ViolatedProperty[]
  /** Most operations of the smallest story. */
  readonly operations: number
  /** Of the plans: one that soon leads to the mistake. */
  readonly seed: number
}

/** Parts are merged in the background, few at a time, and a tombstone is old as soon as it is written. */
const MERGING: ManifestSimulation = {
  maintenance: [],
  limits: { tombstoneMs: 0, tailLines: 1, clockSkewMs: 0 },
  plans: {
    operations: recordOperations({ ids: ['a', 'b'], kinds: ['create', 'delete'] }),
    maxOperations: 14,
    maxProcesses: 2,
    maxFaults: 0,
    maxCrashes: 0,
    maxSkewMs: 0,
  },
}

/** Orphans go within seconds, while an upload may wait for its commit for longer. */
const IMPATIENT: ManifestSimulation = {
  maintenance: ['collect', 'wait'],
  limits: { graceMs: 2_000, clockSkewMs: 1_000 },
  plans: { maxSkewMs: 400, maxOperations: 6 },
}

/** Several processes merge the same parts. */
const COMPACTING: ManifestSimulation = {
  maintenance: ['compact'],
  plans: {
    operations: recordOperations({ kinds: ['create', 'update'], maintenance: ['compact', 'compact'] }),
    maxFaults: 0,
    maxCrashes: 0,
    maxSkewMs: 0,
  },
}

/** Ids are taken, given back and taken again, and deletions arrive late. */
const RECREATING: ManifestSimulation = {
  maintenance: [],
  plans: {
    operations: recordOperations({ ids: ['a', 'b'], kinds: ['create', 'batch', 'delete'] }),
    faults: ['delayed-delete', 'duplicated-request'],
    targets: ['m/u/'],
    maxFaults: 3,
    maxProcesses: 2,
    maxOperations: 8,
    maxCrashes: 0,
    maxSkewMs: 0,
  },
}

/** The whole namespace is in its head. */
const UNSEALED: ManifestSimulation = { maintenance: [], limits: { tailLines: 100 } }

/** Requests for the head are refused, and other copies of them come late, while the process goes on reading. */
const REFUSING: ManifestSimulation = {
  maintenance: [],
  plans: {
    operations: recordOperations({ kinds: ['create', 'read'] }),
    faults: ['late-request', 'duplicated-request', 'rate-limited', 'conflict'],
    targets: [HEAD],
    maxFaults: 5,
    maxCrashes: 0,
    maxSkewMs: 0,
  },
}

export const NEGATIVE_CONTROLS: readonly NegativeControl[] = [
  {
    name: 'a lost race is taken for a lost write (blind rebase)',
    mistake: { rules: { decideOutcome: broken.blindRebase } },
    properties: ['rejected-yet-applied'],
    operations: 2,
    seed: 1,
  },
  {
    name: 'a write is looked for by the id of its own version (write-id read-back)',
    mistake: { rules: { decideOutcome: broken.ownVersionOnly } },
    properties: ['rejected-yet-applied'],
    operations: 5,
    seed: 2,
  },
  {
    name: 'an unchanged head is taken for proof of a lost race',
    setting: REFUSING,
    mistake: { rules: { decideOutcome: broken.unchangedMeansSuperseded } },
    properties: ['rejected-yet-applied'],
    operations: 3,
    seed: 1,
  },
  {
    name: 'an unchanged head is taken for proof of failure',
    mistake: { report: broken.unchangedMeansFailed },
    properties: ['rejected-yet-applied'],
    operations: 5,
    seed: 3,
  },
  {
    name: 'a refusal is taken for proof, though another copy of the request has landed',
    mistake: { rules: { mayHaveLanded: broken.refusalIsProof } },
    properties: ['rejected-yet-applied'],
    operations: 2,
    seed: 3,
  },
  {
    name: 'of a copied process the operations are counted, and not told apart',
    setting: { ids: broken.copiedProcess },
    mistake: { rules: { decideOutcome: broken.countedOnly } },
    properties: ['acknowledged-yet-absent'],
    operations: 3,
    seed: 1,
  },
  {
    name: 'a forgotten watermark is taken for one that never was',
    setting: { limits: { maxWriters: 1 } },
    mistake: { rules: { decideOutcome: broken.forgottenMeansLost } },
    properties: ['rejected-yet-applied'],
    operations: 5,
    seed: 2,
  },
  {
    name: 'the store ignores conditions',
    mistake: { plans: { store: { ignoreConditions: true } } },
    properties: ['broken-chain'],
    operations: 2,
    seed: 1,
  },
  {
    name: 'a head has the same bytes whenever the contents are the same (ABA)',
    setting: UNSEALED,
    mistake: {
      decorate: broken.contentOnly,
      restore: broken.hiddenHead,
      watch: () => undefined,
    },
    properties: ['broken-chain'],
    operations: 6,
    seed: 2,
  },
  {
    name: 'garbage is collected by age alone, without a floor',
    setting: IMPATIENT,
    mistake: { rules: { raiseFloor: broken.ageOnly } },
    properties: ['dangling-reference'],
    operations: 5,
    seed: 3,
  },
  {
    name: "bodies are stored under a key that was another one's, and a deletion is doubled",
    setting: RECREATING,
    mistake: { freshIds: true },
    properties: ['dangling-reference'],
    operations: 5,
    seed: 4,
  },
  {
    name: 'a seal takes lines out of a tail that has changed',
    mistake: { rules: { applySwap: broken.blindSeal } },
    properties: ['applied-twice', 'unexplained-change'],
    operations: 6,
    seed: 6,
  },
  {
    name: 'a merge takes the place of parts that others have merged',
    setting: COMPACTING,
    mistake: { rules: { applySwap: broken.blindMerge } },
    properties: ['unexplained-change'],
    operations: 12,
    seed: 12,
  },
  {
    name: 'a merge loses a part and nobody counts',
    mistake: { runs: broken.losesNewestPart, rules: { isConserved: broken.uncounted } },
    properties: ['unexplained-change'],
    operations: 3,
    seed: 1,
  },
  {
    name: 'a merge keeps the oldest of several entries',
    mistake: { runs: broken.keepsOldest },
    properties: ['applied-twice', 'unexplained-change'],
    operations: 8,
    seed: 1,
  },
  {
    name: 'a tombstone is dropped while an older part has the record',
    setting: MERGING,
    mistake: { rules: { mayDropTombstones: broken.tombstonesAnywhere } },
    properties: ['applied-twice'],
    operations: 16,
    seed: 5,
  },
  {
    name: 'a tombstone is dropped at once, and the count of revisions with it',
    setting: { keepsCount: true },
    mistake: { rules: { mayDropTombstones: broken.tombstonesAtOnce } },
    properties: ['revision-reused'],
    operations: 6,
    seed: 2,
  },
]
