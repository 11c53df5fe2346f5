import type { z } from 'zod'
import { UmbraError } from '../errors/umbra-error.ts'

/** Parses a caller's argument; every problem is reported at once, each with its field. @throws `INVALID_INPUT` */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map((issue) => ({
    field: issue.path.map(String).join('.') || 'argument',
    problem: issue.message,
  }))
  const summary = issues.map((issue) => `${issue.field}: ${issue.problem}`).join('; ')
  throw new UmbraError('INVALID_INPUT', summary, { details: { field: issues[0]?.field, issues } })
}
