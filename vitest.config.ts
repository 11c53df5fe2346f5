import { defineConfig } from 'vitest/config'

/** Runs every package at once, for editors; `npm test` goes through Nx and its cache. */
export default defineConfig({ test: { projects: ['packages/*', 'apps/*'] } })
