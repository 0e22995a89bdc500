import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  BencodeDictionary,
  Bencoded,
  BencodeList,
  type BencodeValue,
  decodeBencode,
  decodeBencodePrefix,
  type EncodableValue,
  encodeBencode,
} from './bencode.ts'
import { compareBytes, concatBytes, fromLatin1, latin1 } from './bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from './errors.ts'

/** A decoded value as what `encodeBencode` takes: everything is read out, nothing is passed through raw. */
function encodable(value: BencodeValue): EncodableValue {
  if (value instanceof BencodeList) return [...value].map(encodable)
  if (value instanceof BencodeDictionary) return new Map([...value.entries()].map(([key, entry]) => [key, encodable(entry)]))
  return value
}

function isRefusal(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code
}

const integers = fc.oneof(
  fc.maxSafeInteger(),
  fc
    .bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n })
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
)
const strings = fc.uint8Array({ maxLength: 12 })
const { value: anyValue } = fc.letrec<{ value: EncodableValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    integers,
    strings,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(strings, tie('value')), { maxLength: 5, selector: ([key]) => latin1(key) }).map((entries) => {
      return new Map(entries.sort(([a], [b]) => compareBytes(a, b)))
    }),
  ),
}))

describe('bencode', () => {
  test('decodes what it encoded to the same value', () => {
    fc.assert(fc.property(anyValue, (value) => assert.deepEqual(encodable(decodeBencode(encodeBencode(value))), value)))
  })

  test('encodes what it decoded to the same bytes, for every input it accepts', () => {
    const soup = fc.array(fc.constantFrom('i', 'l', 'd', 'e', '0', '1', '2', '-', ':', 'a', 'b', 'i1e', '1:a', 'le', 'de', 'd1:a'), {
      maxLength: 14,
    })
    let accepted = 0
    fc.assert(
      fc.property(soup, (parts) => {
        const bytes = fromLatin1(parts.join(''))
        let value: BencodeValue
        try {
          value = decodeBencode(bytes)
        } catch (error) {
          assert.ok(error instanceof ProtocolError)
          return
        }
        accepted++
        assert.deepEqual(encodeBencode(encodable(value)), bytes)
      }),
      { numRuns: 3000 },
    )
    assert.ok(accepted > 0)
  })

  test('throws nothing but ProtocolError on damaged bytes', () => {
    fc.assert(
      fc.property(anyValue, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), (value, changes, cut) => {
        const bytes = encodeBencode(value)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        for (const damaged of [bytes, bytes.subarray(0, cut % (bytes.length + 1))]) {
          try {
            encodable(decodeBencode(damaged, { allowUnsortedKeys: true }))
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('writes the examples of BEP 3', () => {
    const examples: [EncodableValue, string][] = [
      ['spam', '4:spam'],
      [3, 'i3e'],
      [-3, 'i-3e'],
      [0, 'i0e'],
      [['spam', 'eggs'], 'l4:spam4:eggse'],
      [
        new Map([
          ['cow', 'moo'],
          ['spam', 'eggs'],
        ]),
        'd3:cow3:moo4:spam4:eggse',
      ],
      [new Map([['spam', ['a', 'b']]]), 'd4:spaml1:a1:bee'],
    ]
    for (const [value, text] of examples) assert.equal(latin1(encodeBencode(value)), text)
  })

  test('sorts keys by their bytes and leaves out what is undefined', () => {
    const value = new Map<string | Uint8Array, EncodableValue | undefined>([
      ['b', 1],
      ['a', 2],
      [Uint8Array.of(0xff), 3],
      ['aa', undefined],
      ['A', 4],
    ])
    assert.equal(latin1(encodeBencode(value)), 'd1:Ai4e1:ai2e1:bi1e1:\xffi3ee')
  })

  test('passes on bytes that are bencode already', () => {
    assert.equal(latin1(encodeBencode(new Map([['info', new Bencoded(fromLatin1('de'))]]))), 'd4:infodee')
  })

  test('is loud about values of ours that cannot be encoded', () => {
    assert.throws(() => encodeBencode(1.5), /no integer/)
    assert.throws(() => encodeBencode(2 ** 53), /no integer/)
    assert.throws(
      () =>
        encodeBencode(
          new Map<string | Uint8Array, EncodableValue>([
            ['a', 1],
            [Uint8Array.of(0x61), 2],
          ]),
        ),
      /twice/,
    )
  })
})

describe('a decoded dictionary', () => {
  const decode = (text: string): BencodeDictionary => decodeBencode(fromLatin1(text)) as BencodeDictionary

  test('gives values by key, and only of the kind asked for', () => {
    const dictionary = decode('d1:ai1e1:b2:xy1:cle1:dde2:eei-7ee')
    assert.equal(dictionary.get('a'), 1)
    assert.equal(dictionary.getInteger('ee'), -7)
    assert.deepEqual(dictionary.getBytes('b'), fromLatin1('xy'))
    assert.ok(dictionary.getList('c')?.isEmpty)
    assert.ok(dictionary.getDictionary('d')?.isEmpty)
    for (const key of ['', 'e', 'eee', 'A']) assert.equal(dictionary.get(key), undefined)
    assert.equal(dictionary.getBytes('a'), undefined)
    assert.equal(dictionary.getInteger('b'), undefined)
    assert.equal(dictionary.getList('d'), undefined)
    assert.equal(dictionary.getDictionary('c'), undefined)
  })

  test('gives no meaning to names that mean something in JavaScript', () => {
    const dictionary = decode('d9:__proto__i1e11:constructori2e8:toStringi3ee')
    assert.equal(dictionary.get('__proto__'), 1)
    assert.equal(dictionary.get('constructor'), 2)
    assert.equal(dictionary.get('hasOwnProperty'), undefined)
    assert.deepEqual(
      [...dictionary.entries()].map(([key]) => latin1(key)),
      ['__proto__', 'constructor', 'toString'],
    )
  })

  test('keeps integer-like keys in the order of their bytes', () => {
    assert.deepEqual(
      [...decode('d2:10i1e1:9i2e1:ai3ee').entries()].map(([key]) => latin1(key)),
      ['10', '9', 'a'],
    )
  })

  test('knows its exact bytes, wherever it lies', () => {
    const dictionary = decode('d1:ad1:xli1eee1:bi0ee')
    assert.equal(latin1(dictionary.getDictionary('a')!.raw), 'd1:xli1eee')
    assert.equal(latin1(dictionary.getDictionary('a')!.getList('x')!.raw), 'li1ee')
    assert.equal(latin1(dictionary.raw), 'd1:ad1:xli1eee1:bi0ee')
  })

  test('hands out strings as views, not copies', () => {
    const bytes = fromLatin1('d1:a3:xyze')
    const value = decodeBencode(bytes) as BencodeDictionary
    assert.equal(value.getBytes('a')!.buffer, bytes.buffer)
  })
})

describe('decoding', () => {
  test('keeps integers beyond 2^53 - 1 exact', () => {
    assert.equal(decodeBencode(fromLatin1('i9007199254740991e')), 9007199254740991)
    assert.equal(decodeBencode(fromLatin1('i9007199254740992e')), 9007199254740992n)
    assert.equal(decodeBencode(fromLatin1('i-9007199254740993e')), -9007199254740993n)
    assert.equal(decodeBencode(fromLatin1('i18446744073709551615e')), 18446744073709551615n)
  })

  test('says where the value ended, for messages with bytes after it', () => {
    const { value, end } = decodeBencodePrefix(fromLatin1('d5:piecei0eerest'))
    assert.equal((value as BencodeDictionary).get('piece'), 0)
    assert.equal(end, 12)
  })

  test('works inside a larger buffer', () => {
    const bytes = concatBytes([fromLatin1('xx'), fromLatin1('l1:a2:bbe'), fromLatin1('yy')]).subarray(2, 11)
    assert.deepEqual([...(decodeBencode(bytes) as BencodeList)], [fromLatin1('a'), fromLatin1('bb')])
  })

  const REFUSED: [text: string, code: ProtocolErrorCode][] = [
    ['', 'BENCODE_TRUNCATED'],
    ['l', 'BENCODE_TRUNCATED'],
    ['d', 'BENCODE_TRUNCATED'],
    ['d1:a', 'BENCODE_TRUNCATED'],
    ['i', 'BENCODE_TRUNCATED'],
    ['i-', 'BENCODE_TRUNCATED'],
    ['i12', 'BENCODE_TRUNCATED'],
    ['12', 'BENCODE_TRUNCATED'],
    ['5:abcd', 'BENCODE_TRUNCATED'],
    ['9999999999:', 'BENCODE_TRUNCATED'],
    ['99999999999:', 'BENCODE_STRING_LENGTH'],
    ['01:a', 'BENCODE_STRING_LENGTH'],
    ['00:', 'BENCODE_STRING_LENGTH'],
    ['1a', 'BENCODE_STRING_LENGTH'],
    ['1', 'BENCODE_TRUNCATED'],
    ['i1eX', 'BENCODE_TRAILING'],
    ['i1ei2e', 'BENCODE_TRAILING'],
    ['x', 'BENCODE_UNEXPECTED_BYTE'],
    ['e', 'BENCODE_UNEXPECTED_BYTE'],
    ['-1:a', 'BENCODE_UNEXPECTED_BYTE'],
    ['lxe', 'BENCODE_UNEXPECTED_BYTE'],
    ['d1:ae', 'BENCODE_UNEXPECTED_BYTE'],
    ['d1:axe', 'BENCODE_UNEXPECTED_BYTE'],
    ['di1ei2ee', 'BENCODE_KEY_TYPE'],
    ['dlei2ee', 'BENCODE_KEY_TYPE'],
    ['d-ei2ee', 'BENCODE_KEY_TYPE'],
    ['d1:bi1e1:ai2ee', 'BENCODE_KEY_ORDER'],
    ['d2:aai1e1:ai2ee', 'BENCODE_KEY_ORDER'],
    ['d1:ai1e1:ai2ee', 'BENCODE_KEY_DUPLICATE'],
    ['d0:i1e0:i2ee', 'BENCODE_KEY_DUPLICATE'],
    ['ie', 'BENCODE_INTEGER'],
    ['i-e', 'BENCODE_INTEGER'],
    ['i-0e', 'BENCODE_INTEGER'],
    ['i00e', 'BENCODE_INTEGER'],
    ['i01e', 'BENCODE_INTEGER'],
    ['i-01e', 'BENCODE_INTEGER'],
    ['i+1e', 'BENCODE_INTEGER'],
    ['i 1e', 'BENCODE_INTEGER'],
    ['i1.5e', 'BENCODE_INTEGER'],
    ['i1e5e', 'BENCODE_TRAILING'],
    ['i0x1fe', 'BENCODE_INTEGER'],
    ['i--1e', 'BENCODE_INTEGER'],
    [`i${'9'.repeat(21)}e`, 'BENCODE_INTEGER'],
    [`i${'9'.repeat(5000)}e`, 'BENCODE_INTEGER'],
    [`${'l'.repeat(101)}${'e'.repeat(101)}`, 'BENCODE_TOO_DEEP'],
    ['l'.repeat(1_000_000), 'BENCODE_TOO_DEEP'],
    ['d1:a'.repeat(200), 'BENCODE_TOO_DEEP'],
  ]
  for (const [text, code] of REFUSED) {
    test(`refuses ${JSON.stringify(text.slice(0, 30))} with ${code}`, () => {
      assert.throws(() => decodeBencode(fromLatin1(text)), isRefusal(code))
    })
  }

  test('reads a hundred lists in each other', () => {
    assert.ok(decodeBencode(fromLatin1('l'.repeat(100) + 'e'.repeat(100))) instanceof BencodeList)
  })

  test('stops at its limits', () => {
    assert.throws(() => decodeBencode(fromLatin1('li1ei1ee'), { maxTokens: 2 }), isRefusal('BENCODE_TOO_MANY_TOKENS'))
    assert.ok(decodeBencode(fromLatin1('li1ei1ee'), { maxTokens: 3 }))
    assert.throws(() => decodeBencode(fromLatin1('lllleeee'), { maxDepth: 3 }), isRefusal('BENCODE_TOO_DEEP'))
    assert.throws(() => decodeBencode(new Uint8Array(11), { maxBytes: 10 }), isRefusal('BENCODE_TOO_LARGE'))
    assert.throws(() => decodeBencode(fromLatin1(`l${'le'.repeat(3_000_000)}e`)), isRefusal('BENCODE_TOO_MANY_TOKENS'))
  })

  test('takes keys in any order only when asked to, and never twice', () => {
    const bytes = fromLatin1('d1:ci1e1:ai2e1:bi3ee')
    const dictionary = decodeBencode(bytes, { allowUnsortedKeys: true }) as BencodeDictionary
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => dictionary.get(key)),
      [2, 3, 1, undefined],
    )
    assert.throws(() => decodeBencode(fromLatin1('d1:bi1e1:ai2e1:bi3ee'), { allowUnsortedKeys: true }), isRefusal('BENCODE_KEY_DUPLICATE'))
  })
})
