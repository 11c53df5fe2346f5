import { parseSettings } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { compareStores } from '../migration/compare-stores.ts'
import type { StoreDifference } from '../migration/comparison-report.ts'
import type { ProcessKills } from './run-process-kills.fixture.ts'

/**
 * What R2 and its copies in SQLite disagree about, in hybrid mode. Whoever reads through the hybrid sees R2's version, and so no copy
 * that is lost, old or was to be deleted.
 */
export async function compareSides({
  environment,
  paths,
}: Pick<ProcessKills, 'environment' | 'paths'>): Promise<readonly string[]> {
  const defects: string[] = []
  for (const path of paths) {
    const settings = parseSettings(environment(path))
    if (settings.backend !== 'hybrid') continue
    const [inR2, inSqlite] = [await createR2Backend(settings.r2), await createSqliteBackend({ path })]
    try {
      await compareStores(inR2, inSqlite, { onDifference: (one) => defects.push(inWords(one)) })
    } finally {
      await Promise.all([inR2.close(), inSqlite.close()])
    }
  }
  return defects
}

function inWords({ kind, namespace, id, source, target }: StoreDifference): string {
  return `${namespace?.userId ?? 'blobs'}: ${id} is ${source ?? 'absent'} in R2 and ${target ?? 'absent'} in SQLite (${kind})`
}
