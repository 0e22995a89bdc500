/**
 * Reading the fields of an info dictionary: what is there must be of its type. Every fault is a `ProtocolError` that names
 * the field: `METAINFO_FIELD_MISSING` or `METAINFO_FIELD_TYPE`.
 */

import { BencodeDictionary, BencodeList, type BencodeValue } from '../bencode.ts'
import { ProtocolError } from '../errors.ts'

export function optionalBytesOf(dictionary: BencodeDictionary, key: string): Uint8Array | undefined {
  const value = dictionary.get(key)
  if (value === undefined || value instanceof Uint8Array) return value
  throw wrongType(key, 'a byte string', value)
}

export function bytesOf(dictionary: BencodeDictionary, key: string): Uint8Array {
  return optionalBytesOf(dictionary, key) ?? missing(key)
}

export function optionalIntegerOf(dictionary: BencodeDictionary, key: string): number | bigint | undefined {
  const value = dictionary.get(key)
  if (value === undefined || typeof value === 'number' || typeof value === 'bigint') return value
  throw wrongType(key, 'an integer', value)
}

export function integerOf(dictionary: BencodeDictionary, key: string): number | bigint {
  return optionalIntegerOf(dictionary, key) ?? missing(key)
}

export function dictionaryOf(dictionary: BencodeDictionary, key: string): BencodeDictionary {
  const value = dictionary.get(key) ?? missing(key)
  if (value instanceof BencodeDictionary) return value
  throw wrongType(key, 'a dictionary', value)
}

export function optionalListOf(dictionary: BencodeDictionary, key: string): BencodeList | undefined {
  const value = dictionary.get(key)
  if (value === undefined || value instanceof BencodeList) return value
  throw wrongType(key, 'a list', value)
}

export function listOf(dictionary: BencodeDictionary, key: string): BencodeList {
  return optionalListOf(dictionary, key) ?? missing(key)
}

/** The byte strings of a list, which may hold nothing else. */
export function byteStrings(list: BencodeList, key: string): Uint8Array[] {
  const strings: Uint8Array[] = []
  for (const item of list) {
    if (!(item instanceof Uint8Array)) throw wrongType(`item of ${key}`, 'a byte string', item)
    strings.push(item)
  }
  return strings
}

function missing(key: string): never {
  throw new ProtocolError('METAINFO_FIELD_MISSING', `Cannot read the torrent: "${key}" is missing`)
}

function wrongType(key: string, expected: string, value: BencodeValue): ProtocolError {
  return new ProtocolError('METAINFO_FIELD_TYPE', `Cannot read the torrent: "${key}" is ${kindOf(value)}, not ${expected}`)
}

function kindOf(value: BencodeValue): string {
  if (value instanceof Uint8Array) return 'a byte string'
  if (value instanceof BencodeList) return 'a list'
  return value instanceof BencodeDictionary ? 'a dictionary' : 'an integer'
}
