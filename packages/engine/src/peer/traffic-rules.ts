/** How all torrents of a session treat their peers. One object, live: whoever sends or asks looks at it each time. */
export interface TrafficRules {
  /** Peers in networks of our own (`isLocalIp`) go past the limits of rates. */
  lanIsUnlimited: boolean
  /** For experiments: so long we wait before each run of blocks that we send. 0: not at all. */
  answerDelayMs: number
}
