/**
 * SHA-1 and SHA-256 (FIPS 180-4) in plain TypeScript, for simulations: the pure rooms have no `node:crypto`.
 * The real engine never uses them.
 */
const BLOCK_BYTES = 64
const sha256Constants = primeRoots()

export function sha1(bytes: Uint8Array): Uint8Array {
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const words = new Int32Array(80)
  eachBlock(bytes, (block, at) => {
    for (let t = 0; t < 16; t++) words[t] = wordAt(block, at + 4 * t)
    for (let t = 16; t < 80; t++) words[t] = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 31)
    let a = state[0]! | 0
    let b = state[1]! | 0
    let c = state[2]! | 0
    let d = state[3]! | 0
    let e = state[4]! | 0
    for (let t = 0; t < 80; t++) {
      // Cut to 32 bits after every sum: what stays a small integer stays fast.
      let mixed: number
      if (t < 20) mixed = (((b & c) | (~b & d)) + 0x5a827999) | 0
      else if (t < 40) mixed = ((b ^ c ^ d) + 0x6ed9eba1) | 0
      else if (t < 60) mixed = (((b & c) | (b & d) | (c & d)) - 0x70e44324) | 0
      else mixed = ((b ^ c ^ d) - 0x359d3e2a) | 0
      const next = (((rotate(a, 27) + mixed) | 0) + ((e + words[t]!) | 0)) | 0
      e = d
      d = c
      c = rotate(b, 2)
      b = a
      a = next
    }
    state[0] = state[0]! + a
    state[1] = state[1]! + b
    state[2] = state[2]! + c
    state[3] = state[3]! + d
    state[4] = state[4]! + e
  })
  return toBytes(state)
}

export function sha256(bytes: Uint8Array): Uint8Array {
  const state = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19)
  const words = new Int32Array(64)
  eachBlock(bytes, (block, at) => {
    for (let t = 0; t < 16; t++) words[t] = wordAt(block, at + 4 * t)
    for (let t = 16; t < 64; t++) {
      const early = words[t - 15]!
      const late = words[t - 2]!
      const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
      const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
      words[t] = (((words[t - 16]! + s0) | 0) + ((words[t - 7]! + s1) | 0)) | 0
    }
    let a = state[0]! | 0
    let b = state[1]! | 0
    let c = state[2]! | 0
    let d = state[3]! | 0
    let e = state[4]! | 0
    let f = state[5]! | 0
    let g = state[6]! | 0
    let h = state[7]! | 0
    for (let t = 0; t < 64; t++) {
      const choose = (e & f) ^ (~e & g)
      const majority = (a & b) ^ (a & c) ^ (b & c)
      const scheduled = (((h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25))) | 0) + ((choose + sha256Constants[t]!) | 0)) | 0
      const first = (scheduled + words[t]!) | 0
      const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority) | 0
      h = g
      g = f
      f = e
      e = (d + first) | 0
      d = c
      c = b
      b = a
      a = (first + second) | 0
    }
    state[0] = state[0]! + a
    state[1] = state[1]! + b
    state[2] = state[2]! + c
    state[3] = state[3]! + d
    state[4] = state[4]! + e
    state[5] = state[5]! + f
    state[6] = state[6]! + g
    state[7] = state[7]! + h
  })
  return toBytes(state)
}

/** Whole blocks of the input where they lie, then the rest with its padding: a one bit, zeros, the length in bits. */
function eachBlock(bytes: Uint8Array, process: (block: Uint8Array, at: number) => void): void {
  const wholeBytes = bytes.length - (bytes.length % BLOCK_BYTES)
  for (let at = 0; at < wholeBytes; at += BLOCK_BYTES) process(bytes, at)
  const restBytes = bytes.length - wholeBytes
  const tail = new Uint8Array(restBytes + 9 > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES)
  tail.set(bytes.subarray(wholeBytes))
  tail[restBytes] = 0x80
  const view = new DataView(tail.buffer)
  view.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(tail.length - 4, (bytes.length << 3) >>> 0)
  for (let at = 0; at < tail.length; at += BLOCK_BYTES) process(tail, at)
}

function toBytes(state: Uint32Array): Uint8Array {
  const digest = new Uint8Array(4 * state.length)
  const view = new DataView(digest.buffer)
  for (const [index, word] of state.entries()) view.setUint32(4 * index, word)
  return digest
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** To the right. */
function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

/** The first 32 bits behind the point of the cube roots of the first 64 primes. */
function primeRoots(): Int32Array {
  const roots = new Int32Array(64)
  let count = 0
  for (let candidate = 2; count < roots.length; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) isPrime &&= candidate % divisor !== 0
    if (isPrime) roots[count++] = ((Math.cbrt(candidate) % 1) * 2 ** 32) | 0
  }
  return roots
}
