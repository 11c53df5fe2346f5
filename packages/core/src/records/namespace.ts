/** The unit of isolation and of atomic commits: one manifest each. */
export interface Namespace {
  readonly module: string
  readonly userId: string
}
