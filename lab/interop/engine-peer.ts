import { join } from 'node:path'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import type { Scene } from './scene.ts'

const PROGRAM = join(import.meta.dirname, 'engine-peer-program.ts')

export interface EngineTask {
  readonly address: string
  /** A .torrent file or a magnet link. */
  readonly what: string
  readonly dir: string
  /** Bytes a second; no limit unless given. */
  readonly downloadRate?: number
}

export interface EngineReport {
  /** By endpoint: what the peer calls itself, and how much came from it. */
  readonly from: Record<string, { readonly client: string; readonly bytes: number }>
}

export class EnginePeer {
  readonly #program: Program

  constructor(scene: Scene, { host, ...task }: Omit<EngineTask, 'address'> & { readonly host: Host }) {
    const words = JSON.stringify({ ...task, address: host.address } satisfies EngineTask)
    this.#program = scene.start(host, 'engine', [process.execPath, PROGRAM, words])
  }

  /** Resolves when it has everything: bytes by the name of the client that they came from. */
  async bytesByClient(): Promise<Readonly<Record<string, number>>> {
    const line = await this.#program.line(/^DONE /, { withinMs: 90_000 })
    const { from } = JSON.parse(line.slice('DONE '.length)) as EngineReport
    const bytesByClient: Record<string, number> = {}
    for (const { client, bytes } of Object.values(from)) bytesByClient[client] = (bytesByClient[client] ?? 0) + bytes
    return bytesByClient
  }
}
