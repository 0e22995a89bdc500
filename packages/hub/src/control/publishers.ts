import type { ControlConnection } from './control-connection.ts'

const NOBODY: ReadonlySet<ControlConnection> = new Set()

/** Which connected peers publish a torrent. What each publishes stands at its connection; this is the way back. */
export class Publishers {
  readonly #byTorrent = new Map<string, Set<ControlConnection>>()

  of(infoHash: string): ReadonlySet<ControlConnection> {
    return this.#byTorrent.get(infoHash) ?? NOBODY
  }

  add(connection: ControlConnection, name: string, infoHash: string): void {
    this.remove(connection, name)
    connection.published.set(name, infoHash)
    const connections = this.#byTorrent.get(infoHash) ?? new Set()
    this.#byTorrent.set(infoHash, connections.add(connection))
  }

  remove(connection: ControlConnection, name: string): void {
    const infoHash = connection.published.get(name)
    if (infoHash === undefined) return
    connection.published.delete(name)
    // under another name it may publish the same torrent still
    for (const other of connection.published.values()) if (other === infoHash) return
    const connections = this.#byTorrent.get(infoHash)
    connections?.delete(connection)
    if (connections?.size === 0) this.#byTorrent.delete(infoHash)
  }

  drop(connection: ControlConnection): void {
    for (const infoHash of connection.published.values()) {
      const connections = this.#byTorrent.get(infoHash)
      connections?.delete(connection)
      if (connections?.size === 0) this.#byTorrent.delete(infoHash)
    }
    connection.published.clear()
  }
}
