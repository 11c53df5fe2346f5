import type { JsonObject, StorageManager, StorageRecord } from '@umbra/core'
import { hasErrorCode } from '@umbra/core'
import { confirm } from '../confirm.ts'
import { describeFilm } from '../film.ts'
import type { Stage } from '../stage.ts'

interface Writer {
  readonly name: string
  readonly storage: StorageManager
  readonly change: JsonObject
}

/** Two writers, one version: one wins, the other is told and loses nothing. */
export async function updateUnderConflict(stage: Stage, film: StorageRecord): Promise<void> {
  const { storage, out } = stage
  out.scenario('Update under a conflict: two writers, one film')
  out.explain(
    `Ada and Ben both read ${describeFilm(film.data)} and change it at the same moment, each over a connection of ` +
      'their own. Both name the version they read (ifMatch), so neither can overwrite the other unnoticed.',
  )
  const ada = { name: 'Ada', storage, change: { 'Seen by Ada': true } }
  const ben = { name: 'Ben', storage: await stage.openSecondWriter(), change: { 'Seen by Ben': true } }
  const [first, second] = await Promise.allSettled(
    [ada, ben].map((writer) => updateIfUnchanged(writer, film)),
  )
  const adaWon = first?.status === 'fulfilled'
  const [winner, loser] = adaWon ? [ada, ben] : [ben, ada]
  const [won, lost] = adaWon ? [first, second] : [second, first]
  if (won?.status !== 'fulfilled') throw won?.reason
  confirm(lost?.status === 'rejected', 'exactly one of two writers wins')
  out.data(`both named   ${film.etag}`)
  out.result(`${winner.name} won: revision ${won.value.revision}`)
  out.data(`now          ${won.value.etag}`)
  showRejection(stage, loser, lost?.status === 'rejected' ? lost.reason : undefined, won.value.etag)
  await updateCurrent(stage, loser, film)
}

function updateIfUnchanged({ storage, change }: Writer, film: StorageRecord): Promise<StorageRecord> {
  const { module, userId, id: recordId, etag: ifMatch } = film
  return storage.updateData({ module, userId, recordId, ifMatch, data: merge(film.data, change) })
}

function showRejection({ out }: Stage, loser: Writer, reason: unknown, currentEtag: string): void {
  if (!hasErrorCode(reason, 'PRECONDITION_FAILED')) throw reason
  confirm(reason.details['currentEtag'] === currentEtag, 'the loser learns the current version')
  out.result(
    `${loser.name} was told ${reason.code}, and that the version above is current (details.currentEtag)`,
  )
}

async function updateCurrent(
  { out }: Stage,
  { name, storage, change }: Writer,
  film: StorageRecord,
): Promise<void> {
  const { module, userId, id: recordId } = film
  out.explain(
    `${name} tries again with a function from the current data to the new. It is applied to whatever is current, again ` +
      'if somebody else is faster once more.',
  )
  out.data('updateData({ ..., data: (current) => ({ ...current, ...change }) })')
  const record = await storage.updateData({
    module,
    userId,
    recordId,
    data: (current: unknown) => merge(current, change),
  })
  const stored = await storage.retrieveData(module, userId, recordId)
  const keys = Object.keys(merge(stored?.data, {})).filter((key) => key.startsWith('Seen by'))
  confirm(keys.length === 2, 'both changes are in the record')
  out.result(`revision ${record.revision} holds both changes: ${keys.sort().join(', ')}`)
}

function merge(current: unknown, change: JsonObject): JsonObject {
  return Object.assign({}, current, change)
}
