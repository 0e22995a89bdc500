/**
 * Where the trackers of a hub are, for somebody who reaches the hub at `origin`: the same door, and UDP on the same machine.
 * Both without a path. A proxy hands on only HTTP, so UDP has the hub's own port.
 */
export function trackersAt(origin: string, port: number): string[] {
  return [origin, `udp://${new URL(origin).hostname}:${port}`]
}
