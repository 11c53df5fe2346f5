import { isReadBackExactly } from './read-back.ts'

/**
 * What all values seen at one place have in common. `unknown`: only nulls (or nothing) so far;
 * `mixed`: nothing in common. Containers are updated in place, because every row goes through here.
 */
export type NestedShape = LeafShape | ListShape | StructShape

interface LeafShape {
  readonly kind: 'unknown' | 'boolean' | 'integer' | 'double' | 'string' | 'mixed'
}
interface ListShape {
  readonly kind: 'list'
  item: NestedShape
}
interface StructShape {
  readonly kind: 'struct'
  readonly fields: Map<string, NestedShape>
}

export const UNKNOWN: LeafShape = { kind: 'unknown' }
const MIXED: LeafShape = { kind: 'mixed' }
const BOOLEAN: LeafShape = { kind: 'boolean' }
const INTEGER: LeafShape = { kind: 'integer' }
const DOUBLE: LeafShape = { kind: 'double' }
const STRING: LeafShape = { kind: 'string' }

/** Deep enough for any document, shallow enough for every reader's stack. */
const MAX_DEPTH = 200
/** An object with more keys than this is a dictionary, not a structure. */
const MAX_STRUCT_FIELDS = 200

/** A value inside an object or array that JSON text would not bring back. The message is the reason. */
export class NestedRefusal extends Error {}

/**
 * The shape of everything `shape` describes and `value` as well.
 *
 * @throws {@link NestedRefusal} when JSON text would change the value.
 */
export function mergeShape(shape: NestedShape, value: unknown, ancestors: object[] = []): NestedShape {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new NestedRefusal('a lone surrogate has no UTF-8 form')
      return mergeLeaf(shape, isReadBackExactly(value) ? STRING : MIXED)
    case 'boolean':
      return mergeLeaf(shape, BOOLEAN)
    case 'number':
      return mergeLeaf(shape, shapeOfNumber(value))
    case 'object':
      return value === null ? shape : mergeContainer(shape, value, ancestors)
    default:
      throw new NestedRefusal(`${typeof value} inside an object or array has no JSON form`)
  }
}

/** Whether a value is an object literal: no class instance, `Map`, `Date` or array. Any realm's will do. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

function shapeOfNumber(value: number): LeafShape {
  if (!Number.isFinite(value)) throw new NestedRefusal(`${value} inside an object or array has no JSON form`)
  if (Object.is(value, -0)) throw new NestedRefusal('-0 inside an object or array has no JSON form')
  return Number.isSafeInteger(value) ? INTEGER : DOUBLE
}

function mergeLeaf(shape: NestedShape, leaf: LeafShape): NestedShape {
  if (shape.kind === leaf.kind) return shape
  if (shape.kind === 'unknown') return leaf
  const bothNumbers = shape.kind === 'integer' || shape.kind === 'double'
  return bothNumbers && (leaf === INTEGER || leaf === DOUBLE) ? DOUBLE : MIXED
}

function mergeContainer(shape: NestedShape, value: object, ancestors: object[]): NestedShape {
  if (ancestors.includes(value)) throw new NestedRefusal('a cycle has no end')
  if (ancestors.length >= MAX_DEPTH)
    throw new NestedRefusal(`it is nested more than ${MAX_DEPTH} levels deep`)
  ancestors.push(value)
  const merged = Array.isArray(value)
    ? mergeList(shape, value, ancestors)
    : mergeStruct(shape, value, ancestors)
  ancestors.pop()
  return merged
}

function mergeList(shape: NestedShape, value: unknown[], ancestors: object[]): NestedShape {
  if (Object.getPrototypeOf(value) !== Array.prototype) throw new NestedRefusal('it is a class instance')
  // Fewer keys than length is a hole, more is a named property; neither is in JSON text.
  if (Object.keys(value).length !== value.length || hasSymbols(value)) {
    throw new NestedRefusal('an array with holes or with properties of its own has no JSON form')
  }
  const target: ListShape | undefined =
    shape.kind === 'list' ? shape : shape.kind === 'unknown' ? { kind: 'list', item: UNKNOWN } : undefined
  let item = target?.item ?? MIXED
  for (const element of value) item = mergeShape(item, element, ancestors)
  if (target === undefined) return MIXED
  target.item = item
  return target
}

function mergeStruct(shape: NestedShape, value: object, ancestors: object[]): NestedShape {
  if (!isPlainObject(value))
    throw new NestedRefusal('a Date, Map or other class instance has no JSON form in here')
  if (hasSymbols(value)) throw new NestedRefusal('a symbol key has no JSON form')
  const keys = Object.keys(value)
  const target = structFor(shape, keys)
  for (const key of keys) {
    if (!key.isWellFormed()) throw new NestedRefusal('a key holds a lone surrogate, which has no UTF-8 form')
    const merged = mergeShape(target?.fields.get(key) ?? MIXED, value[key], ancestors)
    target?.fields.set(key, merged)
  }
  return target ?? MIXED
}

/** The structure these keys fit exactly, or undefined: a key that is sometimes absent cannot be a field. */
function structFor(shape: NestedShape, keys: readonly string[]): StructShape | undefined {
  if (shape.kind === 'unknown' && keys.length <= MAX_STRUCT_FIELDS) {
    return { kind: 'struct', fields: new Map(keys.map((key) => [key, UNKNOWN])) }
  }
  if (shape.kind !== 'struct' || shape.fields.size !== keys.length) return undefined
  return keys.every((key) => shape.fields.has(key)) ? shape : undefined
}

function hasSymbols(value: object): boolean {
  return Object.getOwnPropertySymbols(value).length > 0
}
