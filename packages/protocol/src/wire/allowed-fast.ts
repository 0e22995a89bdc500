import { uint32 } from '../bytes.ts'

/**
 * The pieces that a peer may have while it is choked (BEP 6, "Allowed Fast Set Generation"). The same
 * peer gets the same set from everybody, and everybody in its /24 gets that one set too.
 *
 * @param ipv4 the 4 bytes of the peer's address; BEP 6 knows no set for IPv6.
 * @param count how many pieces; fewer when the torrent has fewer.
 */
export function allowedFastSet(
  infoHash: Uint8Array,
  ipv4: Uint8Array,
  pieceCount: number,
  count: number,
  sha1: (bytes: Uint8Array) => Uint8Array,
): number[] {
  const wanted = Math.min(count, pieceCount)
  const chosen = new Set<number>()
  const seed = new Uint8Array(4 + infoHash.length)
  seed.set(ipv4.subarray(0, 3))
  seed.set(infoHash, 4)
  let digest: Uint8Array = seed
  while (chosen.size < wanted) {
    digest = sha1(digest)
    for (let at = 0; at < 20 && chosen.size < wanted; at += 4) chosen.add(uint32(digest, at) % pieceCount)
  }
  return [...chosen]
}
