import type { NestedShape } from './nested-shape.ts'

/** DuckDB's own notation for a nested type: `{"city":"VARCHAR","tags":["VARCHAR"]}`. */
export type NestedType = string | readonly [NestedType] | { readonly [key: string]: NestedType }

const LEAF_TYPES = { boolean: 'BOOLEAN', integer: 'BIGINT', double: 'DOUBLE', string: 'VARCHAR' } as const

/** Field names every Parquet reader takes as they are. */
const PLAIN_FIELD = /^[\p{L}_][\p{L}\p{N}_ -]*$/u

/** The time DuckDB and its bindings take for lists doubles with every level; JSON text does not care. */
const MAX_LEVELS = 6

/**
 * The LIST or STRUCT type that holds every value of a shape exactly; undefined when there is none and the
 * values stay JSON text: mixed or unknown leaves, objects without keys, keys a reader would rename or lose,
 * more than six levels.
 */
export function nestedTypeOf(shape: NestedShape, level = 0): NestedType | undefined {
  if (level > MAX_LEVELS) return undefined
  switch (shape.kind) {
    case 'unknown':
    case 'mixed':
      return undefined
    case 'list': {
      const item = nestedTypeOf(shape.item, level + 1)
      return item === undefined ? undefined : [item]
    }
    case 'struct':
      return structTypeOf(shape.fields, level)
    default:
      return LEAF_TYPES[shape.kind]
  }
}

function structTypeOf(fields: ReadonlyMap<string, NestedShape>, level: number): NestedType | undefined {
  const foldedNames = new Set(Array.from(fields.keys(), (key) => key.toLowerCase()))
  if (fields.size === 0 || foldedNames.size !== fields.size || foldedNames.has('__proto__')) return undefined
  const types: Record<string, NestedType> = {}
  for (const [key, shape] of fields) {
    const type = PLAIN_FIELD.test(key) ? nestedTypeOf(shape, level + 1) : undefined
    if (type === undefined) return undefined
    types[key] = type
  }
  return types
}
