/**
 * The info hashes of the catalogue, in memory: the tracker of a hub that serves only these asks at every announce. A
 * torrent with both versions is announced under both.
 */
export class ListedTorrents {
  readonly #hashes = new Set<string>()

  /** @param infoHash 40 hex digits, lower case */
  has(infoHash: string): boolean {
    return this.#hashes.has(infoHash)
  }

  add(infoHash: string, infoHashV2: string | null): void {
    this.#hashes.add(infoHash)
    if (infoHashV2 !== null) this.#hashes.add(infoHashV2.slice(0, 40))
  }

  delete(infoHash: string, infoHashV2: string | null): void {
    this.#hashes.delete(infoHash)
    if (infoHashV2 !== null) this.#hashes.delete(infoHashV2.slice(0, 40))
  }
}
