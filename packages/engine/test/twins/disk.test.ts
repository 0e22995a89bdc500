import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { rejectsWith, TWINS, type World } from './twins.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

for (const twin of TWINS) {
  describe(`disk (${twin.name})`, () => {
    let world: World
    beforeEach(() => {
      world = twin.open()
    })
    afterEach(() => world.close())

    describe('names', () => {
      const put = async (root: string, path: readonly string[], text: string): Promise<void> => {
        const file = await world.run(world.disk.openFile(root, path, 'write'))
        await world.run(file.write(bytes(text), 0))
        await world.run(file.close())
      }

      test('a file may have a second name below another root, and neither goes with the other', async () => {
        const { disk, root } = world
        const other = `${root} elsewhere`
        await put(root, ['a', 'b'], 'abc')
        assert.equal(await world.run(disk.linkFile(root, ['a', 'b'], other, ['x', 'y', 'z'])), 'linked')
        assert.equal(await world.run(disk.linkFile(root, ['a', 'b'], other, ['x', 'y', 'z'])), 'same')
        await put(other, ['x', 'taken'], 'abc')
        assert.equal(await world.run(disk.linkFile(root, ['a', 'b'], other, ['x', 'taken'])), 'exists')
        await world.run(disk.removeFile(root, ['a', 'b']))
        assert.equal((await world.run(disk.stat(other, ['x', 'y', 'z'])))?.size, 3)
        await rejectsWith('FILE_MISSING', world.run(disk.linkFile(root, ['a', 'b'], other, ['w'])))
        await rejectsWith('PATH_UNSAFE', world.run(disk.linkFile(other, ['x', 'taken'], other, ['x', 'taken'])))
      })

      test('a file gets another name only if nobody has it', async () => {
        const { disk, root } = world
        await put(root, ['a', 'b'], 'abc')
        await put(root, ['a', 'c'], 'abcd')
        assert.equal(await world.run(disk.renameFile(root, ['a', 'b'], 'c')), 'exists')
        assert.equal((await world.run(disk.stat(root, ['a', 'c'])))?.size, 4)
        assert.equal(await world.run(disk.renameFile(root, ['a', 'b'], 'd')), 'renamed')
        assert.equal(await world.run(disk.stat(root, ['a', 'b'])), undefined)
        assert.equal((await world.run(disk.stat(root, ['a', 'd'])))?.size, 3)
      })

      test('a folder goes when it is empty, and the root never', async () => {
        const { disk, root } = world
        await put(root, ['a', 'b', 'c'], 'abc')
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['a', 'b'])), false)
        await world.run(disk.removeFile(root, ['a', 'b', 'c']))
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['a'])), false)
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['a', 'b'])), true)
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['a', 'b'])), false)
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['a'])), true)
        assert.equal(await world.run(disk.removeEmptyFolder(root, [])), false)
      })

      test('a root is known by all its names', async () => {
        const { disk, root } = world
        const { id } = await world.run(disk.enterRoot(root))
        world.plantLink(`${root}-link`, root)
        assert.equal((await world.run(disk.enterRoot(`${root}-link`))).id, id)
        assert.notEqual((await world.run(disk.enterRoot(`${root}-other`))).id, id)
      })

      test('no link is followed', async () => {
        const { disk, root } = world
        await put(root, ['a', 'b'], 'abc')
        world.plantLink(`${root}/link`, `${root}/a`)
        await rejectsWith('PATH_UNSAFE', world.run(disk.linkFile(root, ['link', 'b'], root, ['c'])))
        await rejectsWith('PATH_UNSAFE', world.run(disk.linkFile(root, ['a', 'b'], root, ['link', 'c'])))
        await rejectsWith('PATH_UNSAFE', world.run(disk.linkFile(root, ['a', 'b'], root, ['..', 'c'])))
        assert.equal(await world.run(disk.removeEmptyFolder(root, ['link'])), false)
      })
    })

    describe('files', () => {
      test('what is written can be read, across views and beyond the end', async () => {
        const { disk, root } = world
        const file = await world.run(disk.openFile(root, ['films', 'one.bin'], 'write'))
        const content = world.system.randomBytes(100_000)
        await world.run(file.write(content, 0))
        const views = [new Uint8Array(10), new Uint8Array(0), new Uint8Array(70_000), new Uint8Array(50_000)]
        assert.equal(file.readSync(views, 5), 99_995)
        assert.deepEqual(new Uint8Array(Buffer.concat(views)).subarray(0, 99_995), content.subarray(5))
        for (const view of views) view.fill(0)
        assert.equal(await world.run(file.read(views, 5)), 99_995)
        assert.deepEqual(new Uint8Array(Buffer.concat(views)).subarray(0, 99_995), content.subarray(5))
        const view = new Uint8Array(1000)
        assert.equal(await world.run(file.read([view], 99_500)), 500)
        assert.deepEqual(view.subarray(0, 500), content.subarray(99_500))
        assert.equal(await world.run(file.read([view], 200_000)), 0)
        assert.equal(file.readSync([view], 200_000), 0)
        await world.run(file.close())
      })

      test('opening to write keeps what is there, and a hole reads as zeros', async () => {
        const { disk, root } = world
        for (const [offset, text] of [
          [10, 'tail'],
          [0, 'head'],
        ] as const) {
          const file = await world.run(disk.openFile(root, ['x'], 'write'))
          await world.run(file.write(bytes(text), offset))
          await world.run(file.close())
        }
        const file = await world.run(disk.openFile(root, ['x'], 'read'))
        const view = new Uint8Array(20)
        assert.equal(file.readSync([view], 0), 14)
        assert.equal(Buffer.from(view.subarray(0, 14)).toString('latin1'), 'head\0\0\0\0\0\0tail')
        await world.run(file.close())
      })

      test('grow lengthens, with and without reserving, and never shortens', async () => {
        const { disk, root } = world
        const file = await world.run(disk.openFile(root, ['x'], 'write'))
        await world.run(file.write(bytes('abc'), 0))
        for (const [size, reserve, expected] of [
          [1000, false, 1000],
          [10, false, 1000],
          [10, true, 1000],
          [3_000_000, true, 3_000_000],
          [3_000_001, false, 3_000_001],
        ] as const) {
          await world.run(file.grow(size, reserve))
          assert.equal(file.stampSync().size, expected)
        }
        const view = new Uint8Array(5)
        file.readSync([view], 0)
        assert.deepEqual([...view], [97, 98, 99, 0, 0])
        await world.run(file.sync())
        await world.run(file.close())
      })

      test('a missing file is not made by reading: FILE_MISSING', async () => {
        const { disk, root } = world
        await rejectsWith('FILE_MISSING', world.run(disk.openFile(root, ['x'], 'read')))
        await world.run(disk.makeFolder(root, []))
        await rejectsWith('FILE_MISSING', world.run(disk.openFile(root, ['x'], 'read')))
        await rejectsWith('FILE_MISSING', world.run(disk.openFile(root, ['a', 'x'], 'read')))
        assert.equal(await world.run(disk.stat(root, ['x'])), undefined)
        assert.equal(await world.run(disk.stat(root, ['a', 'x'])), undefined)
      })

      test('a closed file is used no more: CLOSED', async () => {
        const { disk, root } = world
        const file = await world.run(disk.openFile(root, ['x'], 'write'))
        await world.run(file.close())
        await world.run(file.close())
        await rejectsWith('CLOSED', world.run(file.write(bytes('x'), 0)))
        await rejectsWith('CLOSED', world.run(file.read([new Uint8Array(1)], 0)))
        assert.throws(() => file.readSync([new Uint8Array(1)], 0), { code: 'CLOSED' })
        assert.throws(() => file.stampSync(), { code: 'CLOSED' })
      })

      test('a stamp tells size and change', async () => {
        const { disk, root } = world
        const file = await world.run(disk.openFile(root, ['x'], 'write'))
        await world.run(file.write(bytes('abc'), 0))
        const stamp = file.stampSync()
        assert.deepEqual(await world.run(disk.stat(root, ['x'])), stamp)
        assert.equal(stamp.size, 3)
        assert.ok(Math.abs(stamp.modifiedMs - world.system.wallClock()) < 10_000)
        assert.equal(file.stampAtOpen.size, 0)
        await world.run(file.close())
        const again = await world.run(disk.openFile(root, ['x'], 'read'))
        assert.deepEqual(again.stampAtOpen, stamp)
        await world.run(again.close())
      })

      test('removing is done when nothing is there', async () => {
        const { disk, root } = world
        const file = await world.run(disk.openFile(root, ['a', 'x'], 'write'))
        await world.run(file.close())
        await world.run(disk.removeFile(root, ['a', 'x']))
        assert.equal(await world.run(disk.stat(root, ['a', 'x'])), undefined)
        await world.run(disk.removeFile(root, ['a', 'x']))
        await world.run(disk.removeFile(root, ['b', 'x']))
      })

      test('folders are made on the way, and again without harm', async () => {
        const { disk, root } = world
        await world.run(disk.makeFolder(root, ['a', 'b', 'c']))
        await world.run(disk.makeFolder(root, ['a', 'b', 'c']))
        await rejectsWith('PATH_UNSAFE', world.run(disk.stat(root, ['a', 'b'])))
        await rejectsWith('PATH_UNSAFE', world.run(disk.removeFile(root, ['a', 'b'])))
      })
    })

    describe('paths of strangers', () => {
      for (const name of ['', '.', '..', 'a/b', '/etc', 'a\0b']) {
        test(`the name ${JSON.stringify(name)} is refused: PATH_UNSAFE`, async () => {
          const { disk, root } = world
          for (const path of [[name], [name, 'x'], ['x', name]]) {
            await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, path, 'write')))
            await rejectsWith('PATH_UNSAFE', world.run(disk.stat(root, path)))
            await rejectsWith('PATH_UNSAFE', world.run(disk.removeFile(root, path)))
            await rejectsWith('PATH_UNSAFE', world.run(disk.makeFolder(root, path)))
          }
        })
      }

      for (const level of [0, 1, 2]) {
        test(`a symbolic link at level ${level} is refused, and what it points to is not touched`, async () => {
          const { disk, root, state } = world
          const path = ['a', 'b', 'c']
          const outside = `${state}/outside`
          // The link leads to just what would make the rest of the path work.
          const secret = [outside, ...path.slice(level + 1)].join('/')
          world.plantFile(secret, bytes('secret'))
          world.plantLink([root, ...path.slice(0, level + 1)].join('/'), outside)
          for (const mode of ['read', 'write'] as const) {
            await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, path, mode)))
          }
          await rejectsWith('PATH_UNSAFE', world.run(disk.stat(root, path)))
          await rejectsWith('PATH_UNSAFE', world.run(disk.removeFile(root, path)))
          await rejectsWith('PATH_UNSAFE', world.run(disk.makeFolder(root, path)))
          assert.deepEqual(await world.run(disk.readState(secret, 100)), bytes('secret'))
        })
      }

      test('a link that leads nowhere is not followed to make a file there', async () => {
        const { disk, root, state } = world
        world.plantLink(`${root}/x`, `${state}/made`)
        await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, ['x'], 'write')))
        assert.equal(await world.run(disk.readState(`${state}/made`, 100)), undefined)
      })

      test('the root itself may be a link: the user chose it', async () => {
        const { disk, root, state } = world
        await world.run(disk.makeFolder(state, ['real']))
        world.plantLink(`${root}/chosen`, `${state}/real`)
        const file = await world.run(disk.openFile(`${root}/chosen`, ['x'], 'write'))
        await world.run(file.write(bytes('abc'), 0))
        await world.run(file.close())
        assert.deepEqual(await world.run(disk.readState(`${state}/real/x`, 100)), bytes('abc'))
      })

      test('a file where a folder should be, and the other way round: PATH_UNSAFE', async () => {
        const { disk, root } = world
        world.plantFile(`${root}/a`, bytes('mine'))
        await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, ['a', 'x'], 'write')))
        await rejectsWith('PATH_UNSAFE', world.run(disk.makeFolder(root, ['a'])))
        await world.run(disk.makeFolder(root, ['folder']))
        await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, ['folder'], 'write')))
        await rejectsWith('PATH_UNSAFE', world.run(disk.openFile(root, ['folder'], 'read')))
      })
    })

    describe('state', () => {
      test('a replaced file is the new one, and the one before stays beside it', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'session')
        assert.equal(await world.run(disk.readState(path, 100)), undefined)
        for (const text of ['one', 'two', 'three']) await world.run(disk.replaceState(path, bytes(text)))
        assert.deepEqual(await world.run(disk.readState(path, 100)), bytes('three'))
        assert.deepEqual(await world.run(disk.readState(`${path}.prev`, 100)), bytes('two'))
      })

      test('of replacements at the same time the last one wins', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'session')
        const buffer = bytes('0')
        const writes: Promise<void>[] = []
        for (let index = 0; index < 10; index++) {
          buffer[0] = 48 + index // the bytes are taken when it is called
          writes.push(disk.replaceState(path, buffer))
        }
        await world.run(Promise.all(writes))
        assert.deepEqual(await world.run(disk.readState(path, 100)), bytes('9'))
        assert.deepEqual(await world.run(disk.readState(`${path}.prev`, 100)), bytes('8'))
      })

      test('a file that is larger than it can be is not read: STATE_CORRUPT', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'session')
        await world.run(disk.replaceState(path, new Uint8Array(101)))
        await rejectsWith('STATE_CORRUPT', world.run(disk.readState(path, 100)))
      })

      test('rename and remove', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'session')
        await world.run(disk.replaceState(path, bytes('one')))
        await world.run(disk.replaceState(path, bytes('two')))
        await world.run(disk.renameState(path, `${path}.bad`))
        assert.equal(await world.run(disk.readState(path, 100)), undefined)
        assert.deepEqual(await world.run(disk.readState(`${path}.bad`, 100)), bytes('two'))
        await rejectsWith('FILE_MISSING', world.run(disk.renameState(path, `${path}.bad`)))
        await world.run(disk.removeState(path))
        assert.equal(await world.run(disk.readState(`${path}.prev`, 100)), undefined)
        await world.run(disk.removeState(path))
        await world.run(disk.removeState(disk.joinPath(`${state}/nowhere`, 'x')))
      })

      test('records are added at the end, also after opening again', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'journal')
        for (const records of [['a', 'bb'], ['ccc']]) {
          const file = await world.run(disk.openAppend(path))
          for (const record of records) file.append(bytes(record))
          await world.run(file.sync())
          await world.run(file.close())
          assert.throws(() => file.append(bytes('x')), { code: 'CLOSED' })
        }
        assert.deepEqual(await world.run(disk.readState(path, 100)), bytes('abbccc'))
      })

      test('a lock is held once: STATE_LOCKED until it is released', async () => {
        const { disk, state } = world
        const path = disk.joinPath(state, 'lock')
        const lock = await world.run(disk.lockState(path))
        await rejectsWith('STATE_LOCKED', world.run(disk.lockState(path)))
        await world.run(lock.release())
        await world.run((await world.run(disk.lockState(path))).release())
      })
    })
  })
}
