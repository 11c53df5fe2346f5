/** How a record's body is stored. `json` is one value, `jsonl` and `parquet` many rows, `binary` bytes as they came. */
export const DATA_FORMATS = ['json', 'jsonl', 'parquet', 'binary'] as const

export type DataFormat = (typeof DATA_FORMATS)[number]
