import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../base/errors.ts'
import { AbortSwitch } from '../discovery/abort-switch.ts'
import { SimDisk } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'
import { Relocation, type Transfer } from './relocation.ts'

const PATHS = [
  ['t', 'a'],
  ['t', 'deep', 'b'],
  ['t', 'empty'],
]

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

class World {
  readonly system: SimSystem
  disk: SimDisk
  readonly contents: readonly Uint8Array[]
  readonly progress: string[] = []

  constructor(seed: string | number, isSameFileSystem: boolean) {
    this.system = new SimSystem({ seed })
    this.disk = new SimDisk(this.system, { tracksPowerLoss: true })
    this.disk.separateRoots = isSameFileSystem ? [] : ['/new']
    this.contents = [this.system.randomBytes(1_200_000), this.system.randomBytes(30_000), new Uint8Array(0)]
    for (const [at, path] of PATHS.entries()) this.disk.putFile(`/old/${path.join('/')}`, this.contents[at]!)
  }

  relocation(signal = new AbortSwitch()): Relocation {
    const transfers = PATHS.map((path): Transfer => ({ from: { root: '/old', path }, to: { root: '/new', path }, isExecutable: false }))
    const onProgress = (moved: number, total: number) => void this.progress.push(`${moved} of ${total}`)
    return new Relocation({ disk: this.disk, token: 'abc', transfers, onProgress, signal })
  }

  isWhole(root: string): boolean {
    return PATHS.every((path, at) => {
      const bytes = this.disk.fileBytes(`${root}/${path.join('/')}`)
      return bytes !== undefined && Buffer.compare(bytes, this.contents[at]!) === 0
    })
  }
}

for (const isSameFileSystem of [true, false]) {
  describe(`moving files ${isSameFileSystem ? 'within a file system' : 'to another file system'}`, () => {
    test('leaves them in one place, and no empty folders', async () => {
      const world = new World(1, isSameFileSystem)
      world.disk.putFile('/old/t/of-somebody-else', new Uint8Array(3))
      const relocation = world.relocation()
      await world.system.complete(relocation.bring())
      assert.ok(world.isWhole('/old') && world.isWhole('/new'))
      assert.deepEqual(await world.system.complete(relocation.removeSources()), [])
      assert.deepEqual(world.disk.filePaths(), ['/new/t/a', '/new/t/deep/b', '/new/t/empty', '/old/t/of-somebody-else'])
      assert.equal(await world.system.complete(world.disk.removeEmptyFolder('/old', ['t', 'deep'])), false, 'it is gone already')
      assert.equal(world.progress.at(-1), '1230000 of 1230000')
    })

    test('does not overwrite what is there, and takes back what it made', async () => {
      const world = new World(2, isSameFileSystem)
      world.disk.putFile('/new/t/deep/b', new Uint8Array(30_000))
      const before = world.disk.filePaths()
      await assert.rejects(world.system.complete(world.relocation().bring()), hasCode('FILE_FOREIGN'))
      assert.deepEqual(world.disk.filePaths(), before)
      assert.deepEqual(world.disk.fileBytes('/new/t/deep/b'), new Uint8Array(30_000))
    })

    test('takes what is there and equal, and does not remove it when it gives up', async () => {
      const world = new World(3, isSameFileSystem)
      world.disk.putFile('/new/t/a', world.contents[0]!)
      await world.system.complete(world.relocation().bring())
      assert.ok(world.isWhole('/new'))
      const other = new World(3, isSameFileSystem)
      other.disk.putFile('/new/t/a', other.contents[0]!)
      other.disk.putFile('/new/t/empty', new Uint8Array(1))
      await assert.rejects(other.system.complete(other.relocation().bring()), hasCode('FILE_FOREIGN'))
      assert.deepEqual(other.disk.filePaths(), ['/new/t/a', '/new/t/empty', '/old/t/a', '/old/t/deep/b', '/old/t/empty'])
    })

    test('is called off without a trace', async () => {
      const world = new World(4, isSameFileSystem)
      world.disk.latencyMs = 1
      const signal = new AbortSwitch()
      const brought = assert.rejects(world.relocation(signal).bring(), hasCode('CLOSED'))
      await world.system.run(6)
      signal.abort()
      await world.system.complete(brought)
      assert.deepEqual(world.disk.filePaths(), ['/old/t/a', '/old/t/deep/b', '/old/t/empty'])
    })

    test('leaves one whole copy wherever the power goes, and can be done again', async () => {
      const calls = (() => {
        const world = new World(5, isSameFileSystem)
        const relocation = world.relocation()
        return world.system.complete(relocation.bring().then(() => relocation.removeSources())).then(() => world.disk.callCount)
      })()
      for (let call = 1; call <= (await calls); call++) {
        const world = new World(`power ${call}`, isSameFileSystem)
        const relocation = world.relocation()
        let isSwitched = false
        const { disk } = world
        const work = relocation.bring().then(() => {
          isSwitched = true
          return relocation.removeSources()
        })
        void work.catch(() => undefined) // it never ends: its disk is dead
        await world.system.runUntil(() => disk.callCount >= call, 10_000)
        world.disk = disk.crash('power')
        assert.ok(world.isWhole(isSwitched ? '/new' : '/old'), `after ${call} calls`)
        if (isSwitched) continue
        await world.system.complete(world.relocation().bring())
        assert.ok(world.isWhole('/new'), `again, after ${call} calls`)
        assert.deepEqual(
          world.disk.filePaths().filter((path) => path.includes('.shoal')),
          [],
        )
      }
    })

    test('takes back what it made when any call of the disk fails', async () => {
      for (let nth = 1; ; nth++) {
        const world = new World(`fault ${nth}`, isSameFileSystem)
        world.disk.fail({ code: 'DISK_FAILED', nth })
        const outcome = await world.system.complete(
          world
            .relocation()
            .bring()
            .then(
              () => 'done',
              (error: unknown) => error,
            ),
        )
        assert.ok(world.isWhole('/old'))
        if (outcome === 'done') return
        assert.ok(hasCode('DISK_FAILED')(outcome), String(outcome))
        assert.deepEqual(world.disk.filePaths(), ['/old/t/a', '/old/t/deep/b', '/old/t/empty'], `call ${nth} fails`)
      }
    })
  })
}

describe('moving files', () => {
  test('says so when the other disk is too small, and leaves nothing there', async () => {
    const world = new World(6, false)
    world.disk.capacityBytes = 1_500_000
    await assert.rejects(world.system.complete(world.relocation().bring()), hasCode('DISK_FULL'))
    assert.deepEqual(world.disk.filePaths(), ['/old/t/a', '/old/t/deep/b', '/old/t/empty'])
  })

  test('into themselves is refused', async () => {
    const system = new SimSystem({ seed: 7 })
    const disk = new SimDisk(system)
    disk.putFile('/d/x/f', new Uint8Array(1))
    disk.putFile('/d/x/x/f', new Uint8Array(1))
    const transfers = [
      ['x', 'f'],
      ['x', 'x', 'f'],
    ].map((path): Transfer => ({ from: { root: '/d', path }, to: { root: '/d/x', path }, isExecutable: false }))
    const relocation = new Relocation({ disk, token: 'abc', transfers, onProgress: () => {}, signal: new AbortSwitch() })
    await assert.rejects(system.complete(relocation.bring()), hasCode('OPTION_INVALID'))
    assert.deepEqual(disk.filePaths(), ['/d/x/f', '/d/x/x/f'])
  })

  test('keeps a half-fetched file sparse', async () => {
    const world = new World(8, false)
    world.disk.capacityBytes = 100_000_000
    const file = await world.system.complete(world.disk.openFile('/old', ['t', 'a'], 'write'))
    await world.system.complete(file.grow(50_000_000, false))
    await world.system.complete(file.close())
    await world.system.complete(world.relocation().bring())
    assert.equal(world.disk.fileBytes('/new/t/a')?.length, 50_000_000)
    assert.ok((await world.system.complete(world.disk.freeBytes('/new')))! > 94_000_000)
  })
})
