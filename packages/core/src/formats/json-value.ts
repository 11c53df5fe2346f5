import { UmbraError } from '../errors/umbra-error.ts'
import type { JsonValue } from '../json.ts'

/** Deeper values would overflow the stack of common JSON parsers. */
const MAX_DEPTH = 500

/**
 * Checks that a value survives JSON exactly: no undefined, function, symbol, bigint, NaN, Infinity, Date, class
 * instance, sparse array, cycle or nesting beyond 500. (-0 becomes 0, as JSON.stringify has it.)
 *
 * @throws `INVALID_INPUT` naming the field, e.g. `data.items[3].price`.
 */
export function assertJsonValue(value: unknown, field: string): asserts value is JsonValue {
  const problem = findProblem(value, new Set(), '')
  if (problem === undefined) return
  const path = `${field}${problem.path}`
  throw new UmbraError('INVALID_INPUT', `${path} ${problem.reason}`, {
    details: { field: path, reason: problem.reason },
  })
}

interface Problem {
  readonly path: string
  readonly reason: string
}

function findProblem(value: unknown, ancestors: Set<object>, path: string): Problem | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { path, reason: `is ${value}, which JSON cannot hold` }
    case 'object':
      return value === null ? undefined : findProblemInObject(value, ancestors, path)
    case 'undefined':
      return { path, reason: 'is undefined; leave it out or use null' }
    case 'bigint':
      return { path, reason: 'is a bigint, which JSON cannot hold; store it as a string' }
    default:
      return { path, reason: `is a ${typeof value}, which JSON cannot hold` }
  }
}

function findProblemInObject(value: object, ancestors: Set<object>, path: string): Problem | undefined {
  if (ancestors.has(value)) return { path, reason: 'refers back to an object that contains it' }
  if (ancestors.size >= MAX_DEPTH) return { path: '', reason: `is nested deeper than ${MAX_DEPTH}` }
  ancestors.add(value)
  const problem = Array.isArray(value)
    ? findProblemInArray(value, ancestors, path)
    : findProblemInRecord(value, ancestors, path)
  ancestors.delete(value)
  return problem
}

function findProblemInArray(
  items: readonly unknown[],
  ancestors: Set<object>,
  path: string,
): Problem | undefined {
  for (let index = 0; index < items.length; index++) {
    const problem = findProblem(items[index], ancestors, '')
    if (problem !== undefined) return { ...problem, path: `${path}[${index}]${problem.path}` }
  }
  if (Object.keys(items).length !== items.length || 'toJSON' in items) {
    return { path, reason: 'is an array with properties of its own, which JSON cannot hold' }
  }
  return undefined
}

function findProblemInRecord(value: object, ancestors: Set<object>, path: string): Problem | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const name = value.constructor?.name ?? 'class'
    return { path, reason: `is a ${name} instance, which JSON cannot hold; convert it first` }
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return { path, reason: 'has a toJSON method, so it would not come back as it is; convert it first' }
  }
  for (const key of Object.keys(value)) {
    const problem = findProblem(Reflect.get(value, key), ancestors, '')
    if (problem !== undefined) return { ...problem, path: `${path}${propertyPath(key)}${problem.path}` }
  }
  return undefined
}

function propertyPath(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
