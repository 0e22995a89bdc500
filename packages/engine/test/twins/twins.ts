import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { NodeDisk } from '../../src/node/disk.ts'
import { NodeHasher } from '../../src/node/hasher.ts'
import { NodeNetwork } from '../../src/node/network.ts'
import { NodeSystem } from '../../src/node/system.ts'
import type { Disk } from '../../src/ports/disk.ts'
import type { Hasher } from '../../src/ports/hasher.ts'
import type { Network } from '../../src/ports/network.ts'
import type { System } from '../../src/ports/system.ts'
import { SimDisk, SimHasher, SimNetwork, SimSystem } from '../../src/simulation.ts'

/** What a web server of a test answers. */
export interface Answer {
  readonly status: number
  readonly body: Uint8Array
  readonly location?: string
  /** It never answers. */
  readonly isSilent?: boolean
}

/** One world to try a behaviour in: the real machine or a simulated one. */
export interface World {
  readonly system: System
  readonly here: Network
  readonly there: Network
  /** Where `there` is, for a dial from `here`. */
  readonly thereAddress: string
  readonly hereAddress: string
  readonly disk: Disk
  readonly hasher: Hasher
  /** A folder for content, and one for state. */
  readonly root: string
  readonly state: string
  /** Lets time pass until the promise has settled. */
  run<Value>(promise: Promise<Value>): Promise<Value>
  /** Lets time pass until it is so; fails after a while. */
  until(isSo: () => boolean): Promise<void>
  /** Lets everything happen that is on its way. */
  calm(): Promise<void>
  plantLink(path: string, target: string): void
  plantFile(path: string, bytes: Uint8Array): void
  /** @returns the origin; the paths asked for begin with `/announce`. */
  serveHttp(answer: (target: string) => Answer): Promise<string>
  close(): Promise<void>
}

export const TWINS: readonly { readonly name: string; open(): World }[] = [
  { name: 'node', open: nodeWorld },
  { name: 'simulated', open: simulatedWorld },
]

const PATIENCE_MS = 5000

function nodeWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-twins-'))
  const hasher = new NodeHasher({ threads: 2 })
  const network = new NodeNetwork()
  const closers: (() => Promise<void>)[] = []
  const until = async (isSo: () => boolean): Promise<void> => {
    for (const start = performance.now(); !isSo(); ) {
      if (performance.now() - start > PATIENCE_MS) throw new Error('It has not come to that within 5 s')
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  }
  return {
    system: new NodeSystem(),
    here: network,
    there: new NodeNetwork(),
    thereAddress: '127.0.0.1',
    hereAddress: '127.0.0.1',
    disk: new NodeDisk(),
    hasher,
    root: join(folder, 'downloads'),
    state: join(folder, 'state'),
    run: (promise) => promise,
    until,
    calm: async () => {
      let turns = 0
      await until(() => ++turns > 200)
    },
    plantLink: (path, target) => {
      mkdirSync(dirname(path), { recursive: true })
      symlinkSync(target, path)
    },
    plantFile: (path, bytes) => {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, bytes)
    },
    serveHttp: async (answer) => {
      const server = createServer((request, response) => {
        const { status, body, location, isSilent } = answer(request.url ?? '')
        if (isSilent === true) return
        response.writeHead(status, location === undefined ? {} : { Location: location })
        response.end(body)
      })
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      closers.push(async () => {
        server.closeAllConnections()
        server.close()
      })
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
    close: async () => {
      for (const close of closers) await close()
      await hasher.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function simulatedWorld(): World {
  const system = new SimSystem({ seed: randomBytes(4).toString('hex') })
  const network = new SimNetwork(system, { link: { latencyMs: 3, jitterMs: 1 } })
  const disk = new SimDisk(system, { latencyMs: 1 })
  const until = async (isSo: () => boolean): Promise<void> => {
    if (!(await system.runUntil(isSo, PATIENCE_MS))) throw new Error(`It has not come to that within 5 s (seed ${system.seed})`)
  }
  return {
    system,
    here: network.host('10.0.0.1'),
    there: network.host('10.0.0.2'),
    thereAddress: '10.0.0.2',
    hereAddress: '10.0.0.1',
    disk,
    hasher: new SimHasher(system),
    root: '/downloads',
    state: '/state',
    run: (promise) => system.complete(promise),
    until,
    calm: () => system.run(200),
    plantLink: (path, target) => disk.putLink(path, target),
    plantFile: (path, bytes) => disk.putFile(path, bytes),
    serveHttp: async (answer) => {
      const origin = 'http://10.0.0.2:6880'
      network.serveHttp(origin, (target) => {
        const { isSilent, ...rest } = answer(target)
        return isSilent === true ? new Promise(() => {}) : rest
      })
      return origin
    },
    close: async () => {},
  }
}

/** Fails unless the promise fails with this code. */
export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return error
    throw new Error(`It failed, but not with ${code}`, { cause: error })
  }
  throw new Error(`It did not fail with ${code}`)
}
