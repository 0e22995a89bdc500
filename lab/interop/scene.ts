import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Host } from './host.ts'
import { DIGEST_OF_NOTHING, digestsOf, writePayload } from './payload.ts'
import type { Program, ProgramOptions } from './program.ts'

/** One test's folder and programs. All of it is gone when the test is over, however it ends. */
export class Scene {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'shoal-interop-'))
  readonly #programs: Program[] = []

  /** Ends with the test, and tells what the programs said if it failed. */
  static of(t: TestContext): Scene {
    const scene = new Scene()
    const begun = performance.now()
    t.after(async () => {
      t.diagnostic(`${((performance.now() - begun) / 1000).toFixed(1)} s`)
      if (!hasPassed(t)) t.diagnostic(`what the programs said:\n${scene.story()}`)
      await scene.close()
    })
    return scene
  }

  /** A folder of this scene, made when it is first asked for. */
  dir(...names: string[]): string {
    const path = join(this.folder, ...names)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** A folder that holds the payload. */
  payloadDir(name: string): string {
    const dir = this.dir(name)
    writePayload(dir)
    return dir
  }

  start(host: Host, name: string, command: readonly string[], options: ProgramOptions = {}): Program {
    const program = host.start(name, command, { cwd: this.folder, ...options })
    this.#programs.push(program)
    return program
  }

  async close(): Promise<void> {
    // The last one started is the first to go: leechers before seeds, seeds before the tracker.
    for (const program of this.#programs.reverse()) await program.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  story(): string {
    return this.#programs.map((program) => program.story()).join('\n')
  }
}

/** Every file of the payload is there, equal by SHA-256, and no other. */
export function assertIsPayload(dir: string, { mayLackEmptyFiles = false } = {}): void {
  const [got, wanted] = [digestsOf(dir), payloadDigests()]
  if (mayLackEmptyFiles) assert.deepEqual(withoutEmptyFiles(got), withoutEmptyFiles(wanted))
  else assert.deepEqual(got, wanted)
}

function withoutEmptyFiles(digests: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(digests).filter(([, digest]) => digest !== DIGEST_OF_NOTHING))
}

let known: Record<string, string> | undefined

function payloadDigests(): Record<string, string> {
  if (known !== undefined) return known
  const scene = new Scene()
  try {
    known = digestsOf(scene.payloadDir('payload'))
    return known
  } finally {
    rmSync(scene.folder, { recursive: true })
  }
}

/** Node has it since 21.7, its types do not. */
function hasPassed(t: TestContext): boolean {
  return (t as { readonly passed?: boolean }).passed === true
}
