import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DaemonEvent } from '@shoal/api/daemon-api'
import { createSession, type Session } from '@shoal/engine'
import { Daemon } from '../src/daemon/daemon.ts'
import { REAL_DAEMON_SYSTEM } from '../src/daemon/daemon-system.ts'
import { openControlSocket } from '../src/hubs/control-socket.ts'
import { PeerHubs } from '../src/hubs/peer-hubs.ts'

/** A peer of its own: a folder, a daemon without its API, and the hubs that it knows. */
export class HubPeer {
  readonly folder: string
  readonly name: string
  readonly events: DaemonEvent[] = []
  readonly notices: string[] = []
  /** Everything that hubs were told over their channels. */
  readonly said: string[] = []
  session!: Session
  daemon!: Daemon
  hubs!: PeerHubs

  private constructor(name: string, folder: string) {
    this.name = name
    this.folder = folder
  }

  static async start(name: string): Promise<HubPeer> {
    const peer = new HubPeer(name, await mkdtemp(join(tmpdir(), 'shoal-peer-')))
    await mkdir(peer.path('Downloads'))
    await peer.open()
    return peer
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  async write(name: string, bytes: Uint8Array): Promise<string> {
    const path = this.path('own', name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, bytes)
    return path
  }

  /** Starts (again), as a process does. */
  async open(): Promise<void> {
    this.daemon = await Daemon.start({
      folder: this.path('peer'),
      downloadDir: this.path('Downloads'),
      version: 'test',
      port: 0,
      world: {
        openSession: async (options) => {
          this.session = await createSession({ ...options, host: '127.0.0.1', hashThreads: 1, stopTimeoutMs: 500 })
          return this.session
        },
      },
    })
    this.daemon.subscribe((event) => this.events.push(event))
    this.hubs = await PeerHubs.open({
      folder: this.path('peer'),
      system: REAL_DAEMON_SYSTEM,
      shelf: this.daemon.shelf,
      torrents: this.daemon.desk,
      version: 'Shoal test',
      peerName: () => this.name,
      peerPort: () => this.session.listenPort,
      emit: (event) => this.daemon.emit(event),
      notice: (text) => void this.notices.push(text),
      callTimeoutMs: 5_000,
      openSocket: (url, token, owner) => {
        const socket = openControlSocket(url, token, owner)
        return {
          ...socket,
          get unsentBytes() {
            return socket.unsentBytes
          },
          send: (text) => {
            this.said.push(text)
            socket.send(text)
          },
        }
      },
    })
  }

  async stop(): Promise<void> {
    await this.hubs.close()
    await this.daemon.stop()
  }

  async close(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Looks again and again; for what only another process could tell. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`It has not happened within 15 s: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}
