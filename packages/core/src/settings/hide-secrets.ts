/**
 * `visible` plus values that code can read by name but that printing, JSON, logging and copying leave out, so that
 * settings can go into a log line without a second thought.
 */
export function hideSecrets<V extends object, S extends Readonly<Record<string, string>>>(
  visible: V,
  secrets: S,
): V & S {
  const accessors = Object.entries(secrets).map(([name, value]) => [name, { get: () => value }] as const)
  // Every name of `secrets` is defined here, as an accessor that returns its value.
  return Object.defineProperties({ ...visible }, Object.fromEntries(accessors)) as V & S
}
