import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nameKey, personName } from './person-name.ts'

function isRefused(name: string): void {
  assert.throws(() => personName(name), { code: 'VALIDATION' }, JSON.stringify(name))
}

describe('names of accounts', () => {
  test('may be written in any script', () => {
    for (const name of ['an', 'Nguyễn Thị Hồng', '王小明', 'さくら', 'Ωμέγα', 'नमस्ते', 'สมชาย', '한국', 'r2-d2', 'an.binh_2', 'é'])
      assert.equal(personName(name).name, name)
  })

  test('are stored composed, however they were typed', () => {
    assert.equal(personName('Hồng'.normalize('NFD')).name, 'Hồng')
  })

  test('that look alike are one', () => {
    for (const [one, other] of [
      ['An', 'aN'],
      ['Đặng Văn', 'dang van'],
      ['ＡＤＡ', 'ada'],
      ['José', 'jose'],
      ['рaураl', 'paypal'], // Cyrillic er, a, u
      ['an_binh', 'an-binh'],
      ['an. binh', 'an binh'],
      ['Straße', 'STRASSE'],
      ['Ιοnα', 'iona'], // Greek iota, omicron, alpha
      ['ΣΟΦΟΣ', 'σοφος'],
      ['ᾠδή', 'ΩΔΗ'],
      ['ᲀас', 'вас'], // an old form of the letter
    ] as const)
      assert.equal(nameKey(one), nameKey(other), `${one} and ${other}`)
  })

  test('are one in every case and composition, letter by letter', () => {
    for (let code = 0; code < 0x110000; code++) {
      if (code === 0xd800) code = 0xe000
      const letter = String.fromCodePoint(code)
      // an iota below its letter is a letter of its own in capitals
      if (!/[\p{L}\p{N}\p{M}]/u.test(letter) || letter.normalize('NFD').includes('\u0345')) continue
      const key = nameKey(`a${letter}b`)
      for (const other of [letter.toUpperCase(), letter.toLowerCase(), letter.normalize('NFD'), letter.normalize('NFKC')])
        if (nameKey(`a${other}b`) !== key) assert.fail(`U+${code.toString(16)} ${letter}: ${key}, ${other}: ${nameKey(`a${other}b`)}`)
    }
  })

  test('that differ in letters stay two', () => {
    for (const [one, other] of [
      ['王明', '王朋'],
      ['かき', 'がき'],
      ['कि', 'का'],
      ['anna', 'ana'],
      ['r2', 'r3'],
      ['a1', 'al'],
      ['가', '각'],
    ] as const)
      assert.notEqual(nameKey(one), nameKey(other), `${one} and ${other}`)
  })

  test('are no control sequences, invisible or turned text, and neither empty nor long', () => {
    for (const name of [
      '',
      ' ',
      ' an',
      'an ',
      '-an',
      'a\u001b[31m',
      'a\u202eb',
      'a\u200bb',
      'a\nb',
      'a\u0000',
      '<b>',
      'a/b',
      'a@b',
      'x'.repeat(41),
      '\u0301a',
    ])
      isRefused(name)
    assert.equal(personName('x'.repeat(40)).name.length, 40)
  })

  test('do not pass for the hub, whatever they are written in', () => {
    for (const name of ['hub', 'Operator', 'ADMIN', 'ａｄｍｉｎ', 'аdmіn', 'Ôwner', 'róot']) isRefused(name)
    assert.equal(personName('hubert').key, 'hubert')
  })
})
