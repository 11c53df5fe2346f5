import type { Series } from './bench-result.ts'

export interface Panel {
  readonly left: number
  readonly width: number
  readonly height: number
  readonly title: string
  readonly series: readonly Series[]
  readonly toLabel: (value: number) => string
}

interface Scale {
  x(value: number): number
  y(value: number): number
}

const MARGIN = { top: 48, right: 40, bottom: 52, left: 66 }

/** A line for each series; both axes logarithmic, with a grid line for each power of ten. */
export function renderPanel(panel: Panel): string {
  const points = panel.series.flatMap((one) => one.points)
  const xs = powersOfTen(points.map(({ x }) => x))
  const ys = powersOfTen(points.map(({ y }) => y))
  const scale = toScale(panel, xs, ys)
  return [
    `<g transform="translate(${panel.left} 0)">`,
    `<text class="title" x="${MARGIN.left}" y="26">${panel.title}</text>`,
    ...ys.map((value) => gridLine(panel, scale.y(value), panel.toLabel(value))),
    ...xs.map((value) => xLabel(panel, scale.x(value), value)),
    `<text x="${(MARGIN.left + panel.width - MARGIN.right) / 2}" y="${panel.height - 12}" text-anchor="middle">records in the namespace</text>`,
    ...panel.series.map((one) => renderSeries(one, panel, scale)),
    '</g>',
  ].join('\n')
}

/** The powers of ten that enclose the values. */
function powersOfTen(values: readonly number[]): readonly number[] {
  const from = Math.floor(Math.log10(Math.min(...values)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))))
  return Array.from({ length: to - from + 1 }, (_, step) => 10 ** (from + step))
}

function toScale({ width, height }: Panel, xs: readonly number[], ys: readonly number[]): Scale {
  const along = (values: readonly number[], start: number, end: number) => {
    const [low, high] = [Math.log10(values[0] ?? 1), Math.log10(values.at(-1) ?? 10)]
    return (value: number) => start + ((Math.log10(value) - low) / (high - low)) * (end - start)
  }
  return {
    x: along(xs, MARGIN.left, width - MARGIN.right),
    y: along(ys, height - MARGIN.bottom, MARGIN.top),
  }
}

function gridLine({ width }: Panel, y: number, label: string): string {
  const line = `<line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${at(y)}" y2="${at(y)}"/>`
  return `${line}<text x="${MARGIN.left - 8}" y="${at(y + 4)}" text-anchor="end">${label}</text>`
}

function xLabel({ height }: Panel, x: number, value: number): string {
  return `<text x="${at(x)}" y="${height - MARGIN.bottom + 18}" text-anchor="middle">${value.toLocaleString('en')}</text>`
}

function renderSeries({ name, points }: Series, { toLabel }: Panel, scale: Scale): string {
  const isOurs = name.startsWith('ours')
  const isSecond = name.endsWith('p95')
  const colour = isOurs ? 'ours' : 'other'
  const path = points.map(
    ({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${at(scale.x(x))} ${at(scale.y(y))}`,
  )
  const dots = points.map(
    ({ x, y }) => `<circle class="${colour}-fill" cx="${at(scale.x(x))}" cy="${at(scale.y(y))}" r="3"/>`,
  )
  const places = points.map(({ x, y }) => ({ x: scale.x(x), y: scale.y(y) }))
  const [before, end] = [places.at(-2), places.at(-1)]
  const last = points.at(-1)
  const label =
    last === undefined || end === undefined
      ? ''
      : `<text class="${colour}-fill" x="${at(end.x)}" y="${at(labelHeight(before ?? end, end, isOurs && !isSecond))}" text-anchor="end">${name}: ${toLabel(last.y)}</text>`
  return `<path class="line ${colour}${isSecond ? ' dashed' : ''}" d="${path.join('')}"/>${dots.join('')}${label}`
}

interface Place {
  readonly x: number
  readonly y: number
}

/** What a label takes at most. */
const LABEL_WIDTH = 125

/** Clear of the end of its own line: above it, or below where another line is above. */
function labelHeight(before: Place, end: Place, isBelow: boolean): number {
  const share = Math.min(1, LABEL_WIDTH / Math.max(1, end.x - before.x))
  const start = end.y + (before.y - end.y) * share
  return isBelow ? Math.max(start, end.y) + 20 : Math.min(start, end.y) - 10
}

function at(value: number): string {
  return value.toFixed(1)
}
