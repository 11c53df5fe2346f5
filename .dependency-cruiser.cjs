/** Who may import whom: apps -> unified -> {r2, sqlite} -> core, and each heavy library in one place. */
const onlyOurs = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^(${from})/` },
  to: { path: '^(packages|apps)/', pathNot: [`^(${[...allowed, '$1'].join('|')})/`] },
})
const onlyIn = (name, owner, modules) => ({
  name,
  severity: 'error',
  from: { path: '^(packages|apps)/', pathNot: `^${owner}/` },
  to: { path: `node_modules/(${modules})/` },
})

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    onlyOurs('core-is-a-leaf', 'packages/core', []),
    onlyOurs('adapters-know-only-core', 'packages/(?:r2|sqlite)', ['packages/core']),
    onlyOurs('unified-knows-packages', 'packages/unified', [
      'packages/core',
      'packages/r2',
      'packages/sqlite',
    ]),
    onlyOurs('apps-know-core-and-unified', 'apps/[^/]+', ['packages/core', 'packages/unified']),
    onlyIn('aws-only-in-r2', 'packages/r2', '@aws-sdk|@smithy|miniflare'),
    onlyIn('duckdb-only-in-r2', 'packages/r2', '@duckdb'),
    onlyIn('sqlite-only-in-sqlite', 'packages/sqlite', 'better-sqlite3|drizzle-orm'),
    onlyIn('express-only-in-api', 'apps/api', 'express'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@umbra/source', 'import', 'node', 'types', 'default'],
    },
  },
}
