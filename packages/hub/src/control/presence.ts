import type { ConnectedHost } from './connected-host.ts'

/** No name that the hub gives is longer. */
const MAX_NAME_CHARACTERS = 40

/** Who is connected. */
export class Presence {
  readonly #byId = new Map<string, ConnectedHost>()
  /** Folded names of the connected, to the ids. */
  readonly #names = new Map<string, string>()

  /** @returns `wanted`, or with a number behind it when somebody else who is here has that */
  nameFor(hostId: string, wanted: string): string {
    for (let number = 1; ; number++) {
      const suffix = number === 1 ? '' : `-${number}`
      const name = `${Array.from(wanted)
        .slice(0, MAX_NAME_CHARACTERS - suffix.length)
        .join('')}${suffix}`
      const holder = this.#names.get(folded(name))
      if (holder === undefined || holder === hostId) return name
    }
  }

  set(host: ConnectedHost): void {
    this.remove(host.id)
    this.#byId.set(host.id, host)
    this.#names.set(folded(host.name), host.id)
  }

  remove(hostId: string): void {
    const host = this.#byId.get(hostId)
    if (host === undefined) return
    this.#byId.delete(hostId)
    this.#names.delete(folded(host.name))
  }

  get(hostId: string): ConnectedHost | undefined {
    return this.#byId.get(hostId)
  }

  /** Those that have been here longest come first. */
  all(): ConnectedHost[] {
    return [...this.#byId.values()]
  }

  at(ip: string, port: number): ConnectedHost | undefined {
    return this.all().find((host) => host.ip === ip && host.port === port)
  }

  get size(): number {
    return this.#byId.size
  }
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}
