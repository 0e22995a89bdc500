/** How a door speaks of what is behind it. */
export interface DoorWords {
  /** One word, as in "the hub stops". */
  readonly name: string
  /** To whoever may not come in, and has shown nothing. */
  readonly signIn: string
  /** How to find the request id of what went wrong. */
  readonly log: string
}
