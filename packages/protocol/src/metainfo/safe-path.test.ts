import assert from 'node:assert/strict'
import { posix, win32 } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeUtf8, fromLatin1, utf8Length } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { SafePaths, safeName } from './safe-path.ts'

const isPathRefusal = (error: unknown): boolean => error instanceof ProtocolError && error.code === 'METAINFO_PATH'
const safe = (name: string): string => safeName(encodeUtf8(name))

/** Adds paths written with slashes, in order, and gives what became of them. */
function placed(...paths: string[]): string[] {
  const safePaths = new SafePaths()
  return paths.map((path) => safePaths.addPath(safePaths.root, path.split('/').map(encodeUtf8)).join('/'))
}

describe('safeName', () => {
  test('lets honest names through unchanged, in any script and normal form', () => {
    for (const name of [
      'film.mkv',
      'Bài giảng tuần 3 - Mạng máy tính.pdf',
      'Bài giảng.pdf'.normalize('NFD'),
      '机器学习 第一讲.mp4',
      '葛\u{e0100}城.txt',
      'Ünïcödé ñame.tar.gz',
      'العربية.txt',
      '❤️.txt',
      '.gitignore',
      ' leading space',
      '-rf',
      "it's 100% [ok] {x} #1 & co; (2024)!.txt",
      'a',
      'console.log',
      'community',
      'com10',
      'a~1 and more.txt',
      'longer-stem~1.txt',
    ]) {
      assert.equal(safe(name), name)
    }
  })

  test('refuses ".." and says why', () => {
    assert.throws(() => safe('..'), isPathRefusal)
    assert.throws(() => safe('..'), /"\.\."/)
  })

  const CLEANED: [given: string, expected: string][] = [
    ['', '_'],
    ['.', '_'],
    ['...', '_'],
    [' ', '_'],
    ['. .', '_'],
    ['.\u200b.', '_'],
    ['\u202e', '_'],
    ['/', '_'],
    ['../../x', '.._.._x'],
    ['/etc/passwd', '_etc_passwd'],
    ['..\\..\\x', '.._.._x'],
    ['C:\\x', 'C__x'],
    ['\\\\host\\share', '__host_share'],
    ['a:b', 'a_b'],
    ['a\0b', 'a_b'],
    ['\u001b[31mred\u001b[0m', '_[31mred_[0m'],
    ['\u009b31m', '_31m'],
    ['a\nb\rc', 'a_b_c'],
    ['a\u2028b', 'a_b'],
    ['photo\u202egnp.exe', 'photognp.exe'],
    ['a\u200bb\u200dc\ufeffd', 'abcd'],
    ['a\u{e0041}b', 'ab'],
    ['<>:"|?*', '_______'],
    ['dots...', 'dots'],
    ['spaces   ', 'spaces'],
    ['both. . .', 'both'],
    ['CON', '_CON'],
    ['con', '_con'],
    ['NUL.txt', '_NUL.txt'],
    ['nul .tar.gz', '_nul .tar.gz'],
    ['COM¹', '_COM¹'],
    ['lpt9.log', '_lpt9.log'],
    ['CONIN$', '_CONIN$'],
    ['aux.', '_aux'],
    ['CON\u200b', '_CON'],
    ['PROGRA~1', 'PROGRA_1'],
    ['ABCDEF~1.TXT', 'ABCDEF_1.TXT'],
  ]
  for (const [given, expected] of CLEANED) {
    test(`makes ${JSON.stringify(expected)} of ${JSON.stringify(given)}`, () => assert.equal(safe(given), expected))
  }

  test('cuts long names between characters and keeps the extension', () => {
    assert.equal(safe(`${'x'.repeat(300)}.mkv`), `${'x'.repeat(251)}.mkv`)
    assert.equal(safe(`${'学'.repeat(100)}.pdf`), `${'学'.repeat(83)}.pdf`)
    assert.equal(utf8Length(safe('🐟'.repeat(100))), 252)
    assert.equal(safe(`a.${'x'.repeat(300)}`).length, 255)
    assert.equal(safe('x'.repeat(255)), 'x'.repeat(255))
  })

  test('takes a very long name in its stride', () => {
    assert.equal(safe(`x${'. '.repeat(2_000_000)}x`), 'x')
    assert.ok(safe('\u200b'.repeat(1_000_000)).length < 2)
  })

  test('reads bytes that are not UTF-8 as something', () => {
    assert.equal(safeName(fromLatin1('a\xff\xfeb')), 'a\ufffd\ufffdb')
    assert.equal(safeName(fromLatin1('\xc0\xae\xc0\xae')), '\ufffd\ufffd\ufffd\ufffd', 'overlong dots are no dots')
  })
})

describe('SafePaths', () => {
  test('keeps different files apart and puts a number before the extension', () => {
    assert.deepEqual(placed('a/x.txt', 'a/x.txt', 'a/X.TXT', 'a/x (2).txt', 'b/x.txt'), [
      'a/x.txt',
      'a/x (2).txt',
      'a/X (3).TXT',
      'a/x (2) (2).txt',
      'b/x.txt',
    ])
  })

  test('compares as the most forgetful file system does', () => {
    assert.deepEqual(placed('é', 'e\u0301'.normalize('NFD')), ['é', 'e\u0301 (2)'])
    assert.deepEqual(placed('straße', 'STRASSE'), ['straße', 'STRASSE (2)'])
    assert.deepEqual(placed('x.', 'x', 'x\u200b'), ['x', 'x (2)', 'x (3)'])
    assert.deepEqual(placed('x (3)', 'x', 'X', 'x', 'x'), ['x (3)', 'x', 'X (2)', 'x (4)', 'x (5)'])
    assert.deepEqual(placed('\u212a', 'k'), ['\u212a', 'k (2)'])
  })

  test('makes folders that differ only so into one', () => {
    assert.deepEqual(placed('Dir/a', 'dir/b', 'DIR/A'), ['Dir/a', 'Dir/b', 'Dir/A (2)'])
  })

  test('keeps a file and a folder of one name apart, whoever comes first', () => {
    assert.deepEqual(placed('x', 'x/a', 'X/b', 'x/a'), ['x', 'x (2)/a', 'x (2)/b', 'x (2)/a (2)'])
    assert.deepEqual(placed('x/a', 'x'), ['x/a', 'x (2)'])
  })

  test('keeps names that had to be cut apart', () => {
    const [first, second] = placed(`${'x'.repeat(300)}1.mkv`, `${'x'.repeat(300)}2.mkv`)
    assert.notEqual(first, second)
    assert.equal(second, `${'x'.repeat(247)} (2).mkv`)
  })

  test('keeps bytes that are not UTF-8 and look alike apart', () => {
    const paths = new SafePaths()
    assert.notDeepEqual(paths.addPath(paths.root, [Uint8Array.of(0xfe)]), paths.addPath(paths.root, [Uint8Array.of(0xff)]))
  })

  test('renames 500 and refuses one more', () => {
    const paths = new SafePaths()
    for (let copy = 0; copy <= 500; copy++) paths.addPath(paths.root, [encodeUtf8('x')])
    assert.equal(paths.renamedCount, 500)
    assert.throws(() => paths.addPath(paths.root, [encodeUtf8('x')]), isPathRefusal)
  })

  test('refuses paths with "..", without names, and deeper than a hundred', () => {
    const paths = new SafePaths()
    assert.throws(() => placed('a/../../b'), isPathRefusal)
    assert.throws(() => paths.addPath(paths.root, []), isPathRefusal)
    assert.throws(() => placed(`${'x/'.repeat(100)}y`), isPathRefusal)
    assert.equal(placed(`${'x/'.repeat(99)}y`)[0]?.length, 199)
  })

  test('finds what a link names where it went', () => {
    const paths = new SafePaths()
    const add = (path: string) => paths.addPath(paths.root, path.split('/').map(encodeUtf8))
    const find = (path: string) => paths.find(paths.root, path.split('/').map(encodeUtf8))?.join('/')
    for (const path of ['x', 'x/a', 'Dir/b?']) add(path)
    assert.equal(find('x'), 'x')
    assert.equal(find('x/a'), 'x (2)/a')
    assert.equal(find('dir'), 'Dir')
    assert.equal(find('dir/b*'), 'Dir/b_')
    for (const path of ['y', 'Dir/b?/c', 'Dir/c']) assert.equal(find(path), undefined)
  })

  test('never leaves the root and never gives one path twice, whatever it is given', () => {
    const evil = fc.constantFrom(
      '..',
      '.',
      '',
      '/',
      '\\',
      '\0',
      'C:',
      'CON',
      'nul.txt',
      '\u202e',
      '\u200b',
      ' ',
      '~1',
      'a',
      'A',
      'é',
      'e\u0301',
      'x'.repeat(300),
    )
    const component = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.array(evil, { maxLength: 4 }).map((parts) => encodeUtf8(parts.join(''))),
      fc.array(fc.nat(0x10ffff), { maxLength: 4 }).map((codes) => encodeUtf8(String.fromCodePoint(...codes))),
    )
    fc.assert(
      fc.property(fc.array(fc.array(component, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), (given) => {
        const paths = new SafePaths()
        const files = new Set<string>()
        const folders = new Set<string>()
        for (const components of given) {
          let path: readonly string[]
          try {
            path = paths.addPath(paths.root, components)
          } catch (error) {
            assert.ok(isPathRefusal(error))
            continue
          }
          for (const name of path) {
            assert.ok(name !== '' && name !== '.' && name !== '..')
            assert.ok(utf8Length(name) <= 255)
            assert.doesNotMatch(name, /[\p{Cc}/\\:<>|?*"\u200b-\u200f\u202a-\u202e\u2066-\u2069]|[. ]$/u)
            assert.doesNotMatch(name, /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i)
          }
          assert.ok(posix.resolve('/root', ...path).startsWith('/root/'))
          assert.ok(win32.resolve('C:\\root', ...path).startsWith('C:\\root\\'))
          const key = path.join('/').normalize('NFC').toLowerCase()
          assert.ok(!files.has(key) && !folders.has(key), key)
          files.add(key)
          for (let depth = 1; depth < path.length; depth++) {
            const folder = path.slice(0, depth).join('/').normalize('NFC').toLowerCase()
            assert.ok(!files.has(folder), folder)
            folders.add(folder)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
