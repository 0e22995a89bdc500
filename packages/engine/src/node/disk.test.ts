import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { runChild, smallDisk, whyNoSmallDisk } from '../../test/twins/child.ts'
import { NodeDisk } from './disk.ts'
import { NodeDiskFile } from './disk-file.ts'

const posixOnly = process.platform === 'win32' ? 'this needs POSIX' : false
const noSmallDisk = await whyNoSmallDisk()

/** What both twins do is in `test/twins`; here is what only a real disk can show. */
describe('NodeDisk', () => {
  const disk = new NodeDisk()
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'shoal-disk-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  test('a named pipe under our name is refused and holds nobody up: PATH_UNSAFE', { skip: posixOnly }, async () => {
    execFileSync('mkfifo', [join(root, 'x')])
    await assert.rejects(disk.openFile(root, ['x'], 'read'), { code: 'PATH_UNSAFE' })
    await assert.rejects(disk.openFile(root, ['x'], 'write'), { code: 'PATH_UNSAFE' })
    await assert.rejects(disk.stat(root, ['x']), { code: 'PATH_UNSAFE' })
  })

  test('only what should run may run', { skip: posixOnly }, async () => {
    for (const [name, executable, expected] of [
      ['plain', false, 0],
      ['tool', true, 0o100],
    ] as const) {
      await (await disk.openFile(root, [name], 'write', { executable })).close()
      assert.equal(statSync(join(root, name)).mode & 0o100, expected)
    }
  })

  test('growing without reserving takes no space', { skip: posixOnly }, async () => {
    const file = await disk.openFile(root, ['x'], 'write')
    await file.grow(2 ** 32, false)
    await file.close()
    const { size, blocks } = statSync(join(root, 'x'))
    assert.equal(size, 2 ** 32)
    assert.ok(blocks * 512 < 100_000)
  })

  test('close waits for a thread that still uses the descriptor', async () => {
    const file = await disk.openFile(root, ['x'], 'write')
    assert.ok(file instanceof NodeDiskFile)
    file.borrow()
    let isClosed = false
    const closing = file.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(isClosed, false)
    assert.throws(() => file.borrow(), { code: 'CLOSED' })
    file.giveBack()
    await closing
  })

  test('more views than one call of the system takes are read all the same', async () => {
    writeFileSync(join(root, 'x'), Buffer.alloc(5000, 'ab'))
    const file = await disk.openFile(root, ['x'], 'read')
    const views = Array.from({ length: 2500 }, () => new Uint8Array(2))
    assert.equal(file.readSync(views, 0), 5000)
    assert.ok(views.every(([a, b]) => a === 97 && b === 98))
    await file.close()
  })

  test('free space is known before the folder is there', async () => {
    assert.ok(((await disk.freeBytes(join(root, 'not', 'yet'))) ?? 0) > 0)
  })

  test('a message says what, why and what to do, with the path quoted', async () => {
    await assert.rejects(disk.openFile(root, ['gone'], 'read'), {
      message: `Cannot read "${join(root, 'gone')}": it is not there. Was it moved or deleted, or is its disk not mounted?`,
    })
  })

  test('a full disk: DISK_FULL, from each way of writing, and what was there stays right', { skip: noSmallDisk }, async () => {
    const source = `
      const { NodeDisk } = await import(node + '/disk.ts')
      const { NodeHasher } = await import(node + '/hasher.ts')
      const { readFileSync, statSync } = await import('node:fs')
      const disk = new NodeDisk(), hasher = new NodeHasher({ threads: 1 }), root = process.cwd()
      const codeOf = async (promise) => { try { await promise; return 'done' } catch (error) { return error.code } }
      const results = {}
      const file = await disk.openFile(root, ['x'], 'write')
      await file.write(new Uint8Array(600_000).fill(1), 0)
      results.reserveTooMuch = await codeOf(file.grow(5_000_000, true))
      results.sizeAfterReserve = file.stampSync().size
      results.write = await codeOf(file.write(new Uint8Array(1_000_000), 600_000))
      const piece = hasher.allocate(1_000_000)
      results.worker = await codeOf(hasher.verifyAndWrite(piece, hasher.sha1(piece), [{ file, offset: 700_000, length: 1_000_000 }]))
      results.state = await codeOf(disk.replaceState(root + '/state', new Uint8Array(1_000_000)))
      results.litter = (await import('node:fs')).readdirSync(root).length
      const journal = await disk.openAppend(root + '/journal')
      results.records = 0
      try { for (;;) { journal.append(new Uint8Array(5000)); results.records++ } } catch (error) { results.append = error.code }
      results.isTorn = statSync('journal').size !== 5000 * results.records
      results.first = readFileSync('x').subarray(0, 600_000).every((byte) => byte === 1)
      console.log(JSON.stringify(results))
      await hasher.close()`
    const child = runChild(source, smallDisk('1m'))
    const results = JSON.parse((await child.line()) ?? '{}') as Record<string, unknown>
    assert.equal(await child.exit, 0)
    assert.deepEqual(
      { ...results, records: 0 },
      {
        reserveTooMuch: 'DISK_FULL',
        sizeAfterReserve: 600_000,
        write: 'DISK_FULL',
        worker: 'DISK_FULL',
        state: 'DISK_FULL',
        litter: 1,
        records: 0,
        append: 'DISK_FULL',
        isTorn: false,
        first: true,
      },
    )
  })

  describe('state', () => {
    test('what a killed process left half-written is swept away, and nothing else', async () => {
      for (const name of ['session.0123456789abcdef.tmp', 'notes.tmp', 'x.0123.tmp']) writeFileSync(join(root, name), 'x')
      await disk.replaceState(join(root, 'session'), Uint8Array.of(1))
      await disk.replaceState(join(root, 'session'), Uint8Array.of(2))
      assert.deepEqual(readdirSync(root).toSorted(), ['notes.tmp', 'session', 'session.prev', 'x.0123.tmp'])
    })

    test('only we can read it', { skip: posixOnly }, async () => {
      const path = join(root, 'state', 'session')
      await disk.replaceState(path, Uint8Array.of(1))
      assert.equal(statSync(path).mode & 0o077, 0)
      assert.equal(statSync(join(root, 'state')).mode & 0o077, 0)
    })

    test('a process that is killed at any moment leaves the old or the new state', async () => {
      const path = join(root, 'session')
      const source = `
        const { NodeDisk } = await import(node + '/disk.ts')
        const disk = new NodeDisk()
        for (let round = 0; ; round = (round + 1) % 250) {
          await disk.replaceState(${JSON.stringify(path)}, new Uint8Array(20_000).fill(round))
          if (round === 0) console.log('going')
        }`
      for (let cycle = 0; cycle < 4; cycle++) {
        const child = runChild(source)
        assert.equal(await child.line(), 'going')
        await new Promise((resolve) => setTimeout(resolve, 3 + 7 * cycle))
        child.process.kill('SIGKILL')
        await child.exit
        for (const file of [path, `${path}.prev`]) {
          if (cycle === 0 && !existsSync(file)) continue // killed before there was a second generation
          const bytes = readFileSync(file)
          assert.equal(bytes.length, 20_000)
          assert.ok(bytes.every((byte) => byte === bytes[0]))
        }
      }
    })
  })

  describe('locks', () => {
    const holder = (path: string): string => `
      const { NodeDisk } = await import(node + '/disk.ts')
      await new NodeDisk().lockState(${JSON.stringify(path)})
      console.log('locked')
      setInterval(() => {}, 1000)`

    test('another process holds it: STATE_LOCKED says which; when that was killed it is ours', async () => {
      const path = join(root, 'lock')
      const child = runChild(holder(path))
      assert.equal(await child.line(), 'locked')
      await assert.rejects(disk.lockState(path), { code: 'STATE_LOCKED', message: new RegExp(`process ${child.process.pid} `) })
      child.process.kill('SIGKILL')
      await child.exit
      const lock = await disk.lockState(path)
      await lock.release()
      assert.deepEqual(readdirSync(root), [])
    })

    for (const [what, content] of [
      ['an earlier boot', JSON.stringify({ pid: process.pid, bootId: 'another', startedAt: '1' })],
      ['a process whose number was given to another', JSON.stringify({ pid: process.pid, startedAt: 'never' })],
      ['nobody (torn by a power cut)', ''],
      ['something else', '{"pid":"1"}'],
    ] as const) {
      const skip = process.platform !== 'linux' && what.includes('number') ? 'only Linux tells when a process began' : false
      test(`a lock of ${what} is taken over`, { skip }, async () => {
        const path = join(root, 'lock')
        writeFileSync(path, content)
        const lock = await disk.lockState(path)
        await lock.release()
      })
    }

    test('of many that find a stale lock at once exactly one gets it', async () => {
      for (let round = 0; round < 5; round++) {
        const path = join(root, `folder ${round}`, 'lock')
        mkdirSync(join(root, `folder ${round}`))
        writeFileSync(path, 'stale')
        const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => disk.lockState(path)))
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') assert.equal((outcome.reason as { code?: string }).code, 'STATE_LOCKED')
          else await outcome.value.release()
        }
        assert.deepEqual(readdirSync(join(root, `folder ${round}`)), [])
      }
    })
  })
})
