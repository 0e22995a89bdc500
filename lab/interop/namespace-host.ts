import { join } from 'node:path'
import type { Host, HttpAnswer, HttpQuestion } from './host.ts'
import { Program, type ProgramOptions } from './program.ts'

const KEEPER = join(import.meta.dirname, 'namespace-keeper.ts')

/** What the keeper of a namespace is asked and answers, a line of JSON each. */
export interface KeeperQuestion {
  readonly id: number
  readonly question: HttpQuestion
}

export interface KeeperAnswer {
  readonly id: number
  readonly error?: string
  readonly answer?: Omit<HttpAnswer, 'body'> & { readonly base64: string }
}

/**
 * A network namespace that plays a machine of its own. It is kept by one process and has no name, so it is gone with
 * that process, whatever happens: nothing needs to be removed.
 */
export class NamespaceHost implements Host {
  readonly address: string
  readonly #keeper: Program
  readonly #entrance: readonly string[]
  #lastId = 0

  constructor(address: string, keeper: Program) {
    this.address = address
    this.#keeper = keeper
    this.#entrance = entranceTo(keeper)
  }

  start(name: string, command: readonly string[], options?: ProgramOptions): Program {
    return new Program(name, this.#entrance, command, options)
  }

  async ask(question: HttpQuestion): Promise<HttpAnswer> {
    const id = ++this.#lastId
    this.#keeper.say(JSON.stringify({ id, question } satisfies KeeperQuestion))
    const line = await this.#keeper.line(new RegExp(`^\\{"id":${id},`))
    const { answer, error } = JSON.parse(line) as KeeperAnswer
    if (answer === undefined) throw new Error(`${question.url}: ${error}`)
    const { base64, ...rest } = answer
    return { ...rest, body: new Uint8Array(Buffer.from(base64, 'base64')) }
  }
}

export interface NamespacePair {
  readonly left: Host
  readonly right: Host
  close(): Promise<void>
}

/** Two machines on one wire, with private addresses; nothing else is on it, and it leads nowhere. */
export async function openNamespacePair(): Promise<NamespacePair> {
  const keepers: Program[] = []
  const close = async (): Promise<void> => {
    await Promise.all(keepers.map((keeper) => keeper.stop()))
  }
  try {
    // Its own user namespace gives this user the right to make networks, so root is not needed.
    const first = new Program('left keeper', ['unshare', '--map-root-user', '--net'], [process.execPath, KEEPER])
    keepers.push(first)
    await first.line(/^READY/)
    const second = new Program('right keeper', [...entranceTo(first), 'unshare', '--net'], [process.execPath, KEEPER])
    keepers.push(second)
    await second.line(/^READY/)

    const [left, right] = [new NamespaceHost('10.83.0.1', first), new NamespaceHost('10.83.0.2', second)]
    await ip(left, `link add wire type veth peer name wire netns ${second.pid}`)
    for (const host of [left, right]) {
      await ip(host, 'link set lo up')
      await ip(host, `address add ${host.address}/24 dev wire`)
      await ip(host, 'link set wire up')
    }
    return { left, right, close }
  } catch (error) {
    await close()
    throw error
  }
}

function entranceTo(keeper: Program): string[] {
  return ['nsenter', '--target', String(keeper.pid), '--user', '--net', '--preserve-credentials']
}

async function ip(host: Host, words: string): Promise<void> {
  await host.start(`ip ${words}`, ['ip', ...words.split(' ')]).success()
}
