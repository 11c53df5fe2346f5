import { createCompactCommand } from './commands/compact.ts'
import { createCompareCommand } from './commands/compare.ts'
import { createConflictsCommand } from './commands/conflicts.ts'
import { createCostCommand } from './commands/cost.ts'
import { createExportCommand } from './commands/export.ts'
import { createFsckCommand } from './commands/fsck.ts'
import { createGcCommand } from './commands/gc.ts'
import { createGetCommand } from './commands/get.ts'
import { createImportCommand } from './commands/import.ts'
import { createInfoCommand } from './commands/info.ts'
import { createMigrateCommand } from './commands/migrate.ts'
import { createPutCommand } from './commands/put.ts'
import { createRebuildCommand } from './commands/rebuild.ts'
import { createSearchCommand } from './commands/search.ts'
import { createSyncCommand } from './commands/sync.ts'
import type { CreateCommand } from './create-command.ts'

/** A new command is a file in commands/ and a line here. */
export const COMMANDS: readonly CreateCommand[] = [
  createInfoCommand,
  createGetCommand,
  createPutCommand,
  createSearchCommand,
  createSyncCommand,
  createConflictsCommand,
  createMigrateCommand,
  createCompareCommand,
  createImportCommand,
  createExportCommand,
  createCostCommand,
  createFsckCommand,
  createRebuildCommand,
  createCompactCommand,
  createGcCommand,
]
