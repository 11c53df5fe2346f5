import { defineConfig } from 'drizzle-kit'

// `npx drizzle-kit generate --name <what>` after a change of the schema; released migrations are never edited.
export default defineConfig({
  dialect: 'sqlite',
  schema: ['./src/schema.ts', './src/outbox/outbox-schema.ts'],
  out: './migrations',
})
