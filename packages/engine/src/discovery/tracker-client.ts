import { parseIp } from '@shoal/protocol/ip-address'
import {
  type AnnounceReply,
  type AnnounceRequest,
  isTrackerFailure,
  type ScrapeEntry,
  type TrackerFailure,
} from '@shoal/protocol/tracker/announce'
import { parseTrackerUrl, type TrackerUrl } from '@shoal/protocol/tracker/tracker-url'
import { asEngineError, EngineError } from '../base/errors.ts'
import type { Network } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import { announceOverHttp, scrapeOverHttp, type TrackerQuestion } from './http-tracker.ts'
import type { UdpTrackerClient } from './udp-tracker.ts'

/** What a tracker is asked with: parameters of ours do not belong into its URL, they would forge a request (SAFETY T4). */
const OUR_PARAMETERS = /[?&](?:info_hash|peer_id|port|uploaded|downloaded|left|event|corrupt)=/i

/**
 * Asks any tracker that we speak to (http, https, udp), over IPv4 and IPv6 where its name has both: peers of one family
 * know nothing of the other. The first good answer is the answer; the other family is best effort, and its
 * failure no error.
 */
export class TrackerClient {
  readonly #system: System
  readonly #network: Network
  readonly #udp: UdpTrackerClient

  constructor(options: { readonly system: System; readonly network: Network; readonly udp: UdpTrackerClient }) {
    this.#system = options.system
    this.#network = options.network
    this.#udp = options.udp
  }

  /**
   * @param onOtherFamily gets the second answer, if there is one
   * @returns a failure when the tracker said no
   * @throws {EngineError} `TRACKER_…` or `NETWORK_…`
   */
  async announce(
    url: string,
    request: AnnounceRequest,
    question: TrackerQuestion,
    onOtherFamily: (reply: AnnounceReply) => void,
  ): Promise<AnnounceReply | TrackerFailure> {
    const target = checkedTrackerUrl(url)
    const deadline = this.#system.now() + question.timeoutMs
    const addresses = await this.#addresses(target, question.timeoutMs)
    if (question.signal?.aborted === true) throw new EngineError('CLOSED', 'Asking the tracker was called off.')
    const rest = { ...question, timeoutMs: Math.max(1, deadline - this.#system.now()) }
    const ask = (address: string): Promise<AnnounceReply | TrackerFailure> => {
      if (target.scheme === 'udp') return this.#udp.announce({ host: address, port: target.port }, target.pathAndQuery, request, rest)
      return announceOverHttp(this.#network, url, request, addresses.length > 1 ? { ...rest, family: familyOf(address) } : rest)
    }
    return firstGood(addresses.map(ask), onOtherFamily)
  }

  /** Counts of up to 74 torrents, over one family. Throws as `announce`. */
  async scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    question: TrackerQuestion,
  ): Promise<readonly ScrapeEntry[] | TrackerFailure> {
    const target = checkedTrackerUrl(url)
    if (target.scheme !== 'udp') return scrapeOverHttp(this.#network, url, infoHashes, question)
    const [address] = await this.#addresses(target, question.timeoutMs)
    return this.#udp.scrape({ host: address!, port: target.port }, infoHashes, question)
  }

  /** One address of each family that the tracker has. */
  async #addresses(target: TrackerUrl, timeoutMs: number): Promise<readonly string[]> {
    const { host } = target
    const all = parseIp(host) === undefined ? await this.#resolve(host, timeoutMs) : [host]
    const firsts = [all.find((address) => familyOf(address) === 4), all.find((address) => familyOf(address) === 6)]
    const addresses = firsts.filter((address) => address !== undefined)
    if (addresses.length === 0) throw new EngineError('NETWORK_NAME_UNKNOWN', `The name of the tracker ${host} has no address.`)
    if (target.scheme !== 'udp') return addresses
    const servers = addresses.filter((address) => !isNoServer(address))
    if (servers.length === 0) throw refused(host, `${addresses[0]} is not the address of a server.`)
    return servers
  }

  #resolve(host: string, timeoutMs: number): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const timer = this.#system.after(timeoutMs, () => {
        reject(new EngineError('TRACKER_TIMEOUT', `The name of the tracker ${host} could not be resolved within ${timeoutMs / 1000} s.`))
      })
      this.#network.resolve(host).then(
        (addresses) => {
          timer.cancel()
          resolve(addresses)
        },
        (error: unknown) => {
          timer.cancel()
          reject(asEngineError(error, 'NETWORK_FAILED', `Cannot resolve the name of the tracker ${host}`))
        },
      )
    })
  }
}

/** What can be wrong with a tracker's URL before it is asked. @throws {EngineError} `TRACKER_URL_REFUSED` */
export function checkedTrackerUrl(url: string): TrackerUrl {
  let target: TrackerUrl
  try {
    target = parseTrackerUrl(url)
  } catch (error) {
    throw new EngineError('TRACKER_URL_REFUSED', (error as Error).message, { cause: error })
  }
  const { host, pathAndQuery } = target
  if (OUR_PARAMETERS.test(pathAndQuery)) throw refused(host, 'its address already holds parameters of an announce.')
  for (let at = 0; at < host.length; at++) {
    if (host.charCodeAt(at) > 0x7e) throw refused(host, 'its name has letters that can be mistaken for others.')
  }
  if (/(?:^|\.)xn--/.test(host)) throw refused(host, 'its name stands for letters that can be mistaken for others.')
  return target
}

/** The first success; if there is none, what the tracker itself said goes before what the network said. */
function firstGood(
  answers: readonly Promise<AnnounceReply | TrackerFailure>[],
  onOther: (reply: AnnounceReply) => void,
): Promise<AnnounceReply | TrackerFailure> {
  return new Promise((resolve, reject) => {
    let missing = answers.length
    let isAnswered = false
    let failure: TrackerFailure | undefined
    let firstError: unknown
    const onBad = (): void => {
      if (--missing > 0 || isAnswered) return
      if (failure !== undefined) resolve(failure)
      else reject(firstError as Error)
    }
    for (const answer of answers) {
      answer.then(
        (reply) => {
          if (isTrackerFailure(reply)) {
            failure ??= reply
            onBad()
          } else if (isAnswered) onOther(reply)
          else {
            isAnswered = true
            resolve(reply)
          }
        },
        (error: unknown) => {
          firstError ??= error
          onBad()
        },
      )
    }
  })
}

/** Addresses that stand for nobody or for many: a datagram there would be a broadcast. */
function isNoServer(address: string): boolean {
  const bytes = parseIp(address)
  if (bytes === undefined) return true
  if (bytes.length === 4) return bytes[0] === 0 || bytes[0]! >= 224
  return bytes[0] === 0xff || bytes.every((byte) => byte === 0)
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

function refused(host: string, reason: string): EngineError {
  return new EngineError('TRACKER_URL_REFUSED', `Refused to ask the tracker ${host}: ${reason}`)
}
