import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import { asEngineError, type EngineError } from '../base/errors.ts'
import type { RateLimiter } from '../peer/rate-limiter.ts'
import type { TrafficRules } from '../peer/traffic-rules.ts'
import { BLOCKS_PER_FRAME, type FramePool, type UploadFrame } from '../peer/upload-frame.ts'
import type { System, Timer } from '../ports/system.ts'
import type { Prover } from './prover.ts'
import type { SwarmContent } from './swarm-content.ts'
import type { SwarmPeer } from './swarm-peer.ts'

export interface UploaderOwner {
  /** A piece that we said we have is not there (any more), or its bytes are wrong. */
  onPieceLost(pieceIndex: number, error: EngineError | undefined): void
}

/**
 * Sends the blocks that peers asked for, in runs: one scatter read from the page cache into a pooled frame, one
 * write. It goes on until the socket holds enough, the queue is empty, or the limit is reached, and is called
 * again when that changes. Nothing is sent of a piece that has not been proven against its hash (R1).
 */
export class Uploader {
  readonly #system: System
  readonly #frames: FramePool
  readonly #limiter: RateLimiter
  readonly #owner: UploaderOwner
  readonly #prover: Prover
  readonly #traffic: Readonly<TrafficRules>
  readonly #delays = new Set<Timer>()
  #content: SwarmContent | undefined

  constructor(options: {
    system: System
    frames: FramePool
    limiter: RateLimiter
    traffic: Readonly<TrafficRules>
    prover: Prover
    owner: UploaderOwner
  }) {
    this.#system = options.system
    this.#frames = options.frames
    this.#limiter = options.limiter
    this.#prover = options.prover
    this.#traffic = options.traffic
    this.#owner = options.owner
  }

  setContent(content: SwarmContent): void {
    this.#content = content
  }

  close(): void {
    for (const delay of this.#delays) delay.cancel()
    this.#delays.clear()
  }

  serve(peer: SwarmPeer, hasWaited = false): void {
    const content = this.#content
    const { connection } = peer
    const queue = connection.uploads
    if (content === undefined) return
    const isLimited = !(peer.isLocal && this.#traffic.lanIsUnlimited)
    let mustWait = this.#traffic.answerDelayMs > 0 && !hasWaited
    while (queue.size > 0 && connection.canWrite && !connection.isClosed && !peer.isServiceWaiting) {
      if (mustWait) {
        this.#delay(peer)
        return
      }
      if (!content.have.has(queue.nextPieceIndex)) {
        // It was there when it was asked for, and has been lost since.
        connection.rejectRun()
        continue
      }
      if (!this.#prover.isProven(queue.nextPieceIndex)) {
        peer.isServiceWaiting = true
        void this.#prover.prove(queue.nextPieceIndex).then(() => this.#goOn(peer)) // never rejects
        return
      }
      const mostBytes = BLOCKS_PER_FRAME * BLOCK_LENGTH
      const allowedBytes = isLimited ? this.#limiter.take(mostBytes, this.#system.now()) : mostBytes
      if (allowedBytes < BLOCK_LENGTH) {
        this.#limiter.refund(allowedBytes)
        peer.isServiceWaiting = true
        this.#limiter.whenAvailable(() => this.#goOn(peer))
        return
      }
      const frame = this.#frames.acquire()
      if (frame === undefined) {
        if (isLimited) this.#limiter.refund(allowedBytes)
        peer.isServiceWaiting = true
        this.#frames.whenFree(() => this.#goOn(peer))
        return
      }
      queue.nextRun(Math.floor(allowedBytes / BLOCK_LENGTH))
      const runBytes = (queue.runBlockCount - 1) * BLOCK_LENGTH + queue.runLastLength
      if (isLimited) this.#limiter.refund(allowedBytes - runBytes)
      mustWait = this.#traffic.answerDelayMs > 0
      if (!this.#sendRun(content, peer, frame, runBytes)) return
    }
  }

  #delay(peer: SwarmPeer): void {
    peer.isServiceWaiting = true
    const delay = this.#system.after(this.#traffic.answerDelayMs, () => {
      this.#delays.delete(delay)
      peer.isServiceWaiting = false
      this.serve(peer, true)
    })
    this.#delays.add(delay)
  }

  #goOn(peer: SwarmPeer): void {
    peer.isServiceWaiting = false
    this.serve(peer)
  }

  /** @returns whether to go on with this peer now. */
  #sendRun(content: SwarmContent, peer: SwarmPeer, frame: UploadFrame, runBytes: number): boolean {
    const { uploads } = peer.connection
    const { runPieceIndex: pieceIndex, runBegin: begin, runBlockCount: blockCount, runLastLength: lastLength } = uploads
    const views = frame.prepare(pieceIndex, begin, blockCount, lastLength)
    const outcome = this.#read(content, pieceIndex, begin, views)
    if (outcome === 'ok') return peer.connection.sendBlocks(frame.filled(blockCount, lastLength), runBytes, frame.release)
    if (outcome === 'short') {
      frame.release()
      this.#owner.onPieceLost(pieceIndex, undefined)
      return true
    }
    peer.isServiceWaiting = true
    content.storage.readBlocks(pieceIndex, begin, views).then(
      (isWhole) => {
        if (!isWhole) {
          frame.release()
          this.#owner.onPieceLost(pieceIndex, undefined)
        } else if (peer.connection.isClosed) frame.release()
        else peer.connection.sendBlocks(frame.filled(blockCount, lastLength), runBytes, frame.release)
        this.#goOn(peer)
      },
      (error: unknown) => {
        frame.release()
        this.#owner.onPieceLost(pieceIndex, asEngineError(error, 'NOT_READABLE', `Cannot read piece ${pieceIndex}`))
        this.#goOn(peer)
      },
    )
    return false
  }

  #read(content: SwarmContent, pieceIndex: number, begin: number, views: readonly Uint8Array[]): 'ok' | 'later' | 'short' {
    try {
      return content.storage.readBlocksSync(pieceIndex, begin, views)
    } catch {
      // Read again on the slow path, which has the room to say what is wrong.
      return 'later'
    }
  }
}
