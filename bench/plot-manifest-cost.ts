import type { BenchResult, Series } from './bench-result.ts'
import { renderPanel } from './svg-panel.ts'

const PANEL_WIDTH = 470
const HEIGHT = 380

/** Two panels over the size of the namespace: bytes written and time taken by a commit. @throws when B3 was not measured */
export function plotManifestCost(results: readonly BenchResult[]): string {
  const series = results.find(({ id }) => id === 'B3')?.series
  if (series === undefined) throw new Error('there are no figures of B3 to plot')
  const panel = (left: number, title: string, unit: string, toLabel: (value: number) => string) =>
    renderPanel({
      left,
      width: PANEL_WIDTH,
      height: HEIGHT,
      title,
      toLabel,
      series: series.filter((one) => one.unit === unit),
    })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PANEL_WIDTH * 2} ${HEIGHT}" width="${PANEL_WIDTH * 2}" height="${HEIGHT}" role="img" aria-label="${describe(series)}">`,
    STYLE,
    `<rect class="ground" width="100%" height="100%" rx="8"/>`,
    panel(0, 'Bytes written to the manifest per commit of 10', 'bytes', toBytes),
    panel(PANEL_WIDTH, 'Time of a commit of 10', 'ms', toMillis),
    '</svg>',
    '',
  ].join('\n')
}

/** The page decides between light and dark; a picture embedded in one asks the system. */
const STYLE = `<style>
  text { font: 12px system-ui, sans-serif; fill: #3d4451 }
  .title { font-size: 14px; font-weight: 600; fill: #1b1f24 }
  .ground { fill: #ffffff }
  .grid { stroke: #dfe3e8; stroke-width: 1 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
  .ours { stroke: #0b62d6 } .ours-fill { fill: #0b62d6 }
  .other { stroke: #c2410c } .other-fill { fill: #c2410c }
  .dashed { stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b6bec9 }
    .title { fill: #f0f3f6 }
    .ground { fill: #0d1117 }
    .grid { stroke: #2b323b }
    .ours { stroke: #6cb0ff } .ours-fill { fill: #6cb0ff }
    .other { stroke: #ff9a5c } .other-fill { fill: #ff9a5c }
  }
</style>`

function describe(series: readonly Series[]): string {
  const last = (name: string) => series.find((one) => one.name === name)?.points.at(-1)
  const ours = last('ours')
  const whole = last('whole manifest')
  if (ours === undefined || whole === undefined) return 'Cost of a commit by size of the namespace'
  return `At ${ours.x.toLocaleString('en')} records a commit writes ${toBytes(ours.y)} to the manifest; rewriting the whole manifest writes ${toBytes(whole.y)}.`
}

function toBytes(value: number): string {
  if (value >= 1e9) return `${trim(value / 1e9)} GB`
  if (value >= 1e6) return `${trim(value / 1e6)} MB`
  return value >= 1e3 ? `${trim(value / 1e3)} kB` : `${trim(value)} B`
}

function toMillis(value: number): string {
  return value >= 1_000 ? `${trim(value / 1_000)} s` : `${trim(value)} ms`
}

function trim(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Number(value.toFixed(1)))
}
