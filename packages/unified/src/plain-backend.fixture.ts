import type { StorageBackend } from '@umbra/core'

/** The same backend, of which a test may replace members by a spread: a class has its methods from its prototype, where that does not find them. */
export function plainBackend(backend: StorageBackend): StorageBackend {
  const members = Array.from(namesOf(backend), (name) => {
    const member: unknown = Reflect.get(backend, name)
    return [name, typeof member === 'function' ? member.bind(backend) : member] as const
  })
  return Object.fromEntries(members) as unknown as StorageBackend
}

function namesOf(backend: StorageBackend): ReadonlySet<string> {
  const names = new Set<string>()
  for (let from: object = backend; from !== Object.prototype; from = Object.getPrototypeOf(from) as object)
    for (const name of Object.getOwnPropertyNames(from)) names.add(name)
  names.delete('constructor')
  return names
}
