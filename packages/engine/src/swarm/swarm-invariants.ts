import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import type { SwarmContent } from './swarm-content.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/**
 * For tests and the simulator: what the rooms of a swarm must agree on. Throws what is wrong, in words.
 * @param hasHeardAll false for a peer whose turn to hear of our new pieces, and to be weighed anew, is still to come
 */
export function checkSwarm(content: SwarmContent, peers: Iterable<SwarmPeer>, hasHeardAll: (peer: SwarmPeer) => boolean): void {
  const { picker, availability, assembly, geometry } = content
  picker.checkInvariants()
  const counts = new Uint32Array(geometry.pieceCount)
  for (const peer of peers) {
    peer.pieces.forEachSet((pieceIndex) => {
      counts[pieceIndex]!++
    })
    checkPeer(content, peer, hasHeardAll(peer))
  }
  for (const [pieceIndex, count] of counts.entries()) {
    if (count !== availability.countOf(pieceIndex)) {
      throw new Error(`Swarm: ${count} peers have piece ${pieceIndex}, ${availability.countOf(pieceIndex)} are counted`)
    }
  }
  for (let pieceIndex = 0; pieceIndex < geometry.pieceCount; pieceIndex++) {
    for (const [block, sender] of picker.sendersOf(pieceIndex).entries()) {
      if (assembly.hasBlock(pieceIndex, block * BLOCK_LENGTH) !== (sender !== -1)) {
        throw new Error(`Swarm: picker and assembly do not agree on block ${block} of piece ${pieceIndex}`)
      }
    }
  }
}

function checkPeer({ have, picker }: SwarmContent, { key, connection, pieces }: SwarmPeer, hasHeardAll: boolean): void {
  let interesting = 0
  pieces.forEachSet((pieceIndex) => {
    if (!have.has(pieceIndex) && picker.priorityOf(pieceIndex) !== 0) interesting++
  })
  const { isInterested } = connection.state
  if (connection.isOpen && isInterested !== interesting > 0 && (hasHeardAll || !isInterested)) {
    throw new Error(`Swarm: peer ${key} has ${interesting} interesting pieces and was told otherwise`)
  }
  const { outstanding } = connection.pipeline
  const asked = picker.askedCountOf(key)
  if (asked !== outstanding) throw new Error(`Swarm: ${outstanding} requests to peer ${key} are out, the picker counts ${asked}`)
}
