import { UmbraError } from '@umbra/core'

/** Where a value was found: the original key and the row, counted from 0. */
export interface CellPosition {
  readonly column: string
  readonly row: number
}

/** Why a cell cannot be stored exactly. Names the place, never the value. */
export function refuseCell(position: CellPosition, reason: string): UmbraError {
  const column = JSON.stringify(position.column)
  return new UmbraError(
    'INVALID_INPUT',
    `parquet cannot hold this value: ${reason}. column=${column} row=${position.row}`,
    {
      details: { column: position.column, row: position.row, reason },
    },
  )
}

/** Why a whole row cannot be stored. `details.column` is null. */
export function refuseRow(row: number, reason: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `parquet cannot hold this row: ${reason}. row=${row}`, {
    details: { column: null, row, reason },
  })
}
