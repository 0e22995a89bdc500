import { createServer } from 'node:net'

/** Below the ports that Linux gives to outgoing connections, so that nobody takes one between two looks. */
const FIRST = 20_000
const LAST = 32_000
let next = FIRST + (process.pid % (LAST - FIRST))

/** A port that nobody listens on, and that was not given before in this run. */
export async function freePort(): Promise<number> {
  for (let tries = FIRST; tries <= LAST; tries++) {
    const port = next
    next = next === LAST ? FIRST : next + 1
    if (await isFree(port)) return port
  }
  throw new Error(`Cannot find a free port from ${FIRST} to ${LAST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
