import { encodeTime } from 'ulid'
import type { IdSource } from '../../id-source.ts'
import { createRandom, hashOf } from './seeded-random.ts'

const TIME_LENGTH = 10
/** Characters that name the process; the rest of an id counts. */
const NAME_LENGTH = 6
const COUNTER_LENGTH = 10

/** Ids shaped and sorted as ULIDs are, the same in every run, and never those of another process. */
export function createSimulatedIds(seed: number, process: string): IdSource {
  const name = encodeTime(hashOf(0, process) % 32 ** NAME_LENGTH, NAME_LENGTH)
  let count = 0
  let latestMs = 0
  return {
    next: (atMs) => {
      latestMs = Math.max(latestMs, atMs)
      return encodeTime(latestMs, TIME_LENGTH) + name + encodeTime(++count, COUNTER_LENGTH)
    },
    random: createRandom(hashOf(seed, `${process} random`)),
  }
}
