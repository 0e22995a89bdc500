/** Milliseconds since 1970, for what is told to people: how long ago, how much longer. */
export function wallClock(): number {
  return Date.now()
}
