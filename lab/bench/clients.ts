import type { Client } from './client.ts'
import { aria2 } from './clients/aria2.ts'
import { libtorrent } from './clients/libtorrent.ts'
import { shoal } from './clients/shoal.ts'

/** Every client that the bench knows, ours first: the others are what it is compared with. */
const CLIENTS: readonly Client[] = [shoal, libtorrent, aria2]
/** `--clients` unless given. */
export const USUAL_CLIENTS = 'shoal,libtorrent,aria2'

/** The clients that were asked for and can run here; one line is said about each that cannot. */
export function chooseClients(names: string, say: (line: string) => void): Client[] {
  const asked = names === 'all' ? CLIENTS.map(({ name }) => name) : names.split(',')
  return asked
    .map((name) => {
      const client = CLIENTS.find((each) => each.name === name)
      if (client === undefined)
        throw new Error(`There is no client ${name}: choose from ${CLIENTS.map((each) => each.name).join(', ')}, or all`)
      return client
    })
    .filter((client) => {
      const missing = client.whyMissing()
      if (missing !== undefined) say(`${client.name} is left out: ${missing}`)
      return missing === undefined
    })
}
