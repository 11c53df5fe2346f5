export interface Column {
  readonly title: string
  /** Default `left`; numbers read better on the right. */
  readonly align?: 'left' | 'right'
}

/** Columns as wide as their content, two spaces apart; no line ends in spaces. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => displayable(row[index]).length)),
  )
  const line = (cells: readonly (string | undefined)[]) =>
    columns
      .map(({ align }, index) => {
        const width = widths[index] ?? 0
        const cell = displayable(cells[index])
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

/** What was stored must not move the cursor or the colours of a terminal. */
export function displayable(text = ''): string {
  // oxlint-disable-next-line no-control-regex -- they are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')
}
