const PART_NAME = /\/(\d{12,15})-[^/]+$/
const RUN_LEVEL = /\/r\/L(\d{1,3})\/[^/]+$/

/** The version a segment, run or head copy is named by; undefined for any other key. */
export function seqOf(key: string): number | undefined {
  const digits = PART_NAME.exec(key)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The level of a run, by its key; undefined for a segment. */
export function levelOf(key: string): number | undefined {
  const digits = RUN_LEVEL.exec(key)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
