import {
  type AnnounceEvent,
  type AnnounceReply,
  isTrackerFailure,
  type PeerEndpoint,
  type TrackerFailure,
} from '@shoal/protocol/tracker/announce'
import { asEngineError, EngineError } from '../base/errors.ts'
import type { System, Timer } from '../ports/system.ts'
import { AbortSwitch } from './abort-switch.ts'
import { type AnnounceOptions, hungryDelayMs, intervalMs, leastIntervalMs, retryDelayMs } from './announce-schedule.ts'

/** How one tracker is doing, for people. Times are of the engine's clock, ms. */
export interface TrackerStatus {
  readonly url: string
  readonly status: 'waiting' | 'announcing' | 'working' | 'failing'
  /** What the tracker or the network said last, when it was not a plain success. */
  readonly message: string | undefined
  /** Why it fails; undefined while it does not. */
  readonly error: EngineError | undefined
  readonly seeds: number | undefined
  readonly leechers: number | undefined
  readonly nextAnnounceAt: number | undefined
}

/** How long `stop` waits for a tracker that has not answered lately: it is probably down, and nobody likes a program that hangs. */
const DOUBTFUL_STOP_MS = 500

/** One question to one tracker, as the tier puts it; the announcer knows who we are. */
export interface TierQuestion {
  readonly url: string
  readonly event: AnnounceEvent | undefined
  readonly trackerId: Uint8Array | undefined
  readonly timeoutMs: number
  readonly signal: AbortSwitch
}

/** What a tier needs of its announcer. */
export interface TierOwner {
  /** `onOther`: a second answer, over the other IP family. */
  ask(question: TierQuestion, onOther: (reply: AnnounceReply) => void): Promise<AnnounceReply | TrackerFailure>
  /** We miss data and have nobody to get it from. */
  isHungry(): boolean
  onPeers(peers: readonly PeerEndpoint[], url: string): void
  onStatus(status: TrackerStatus): void
  /** The first round is over: a tracker of this tier answered, or all of them failed. */
  onFirstRound(): void
}

/** A tracker, and what we know of it. It may go from one tier to another, and what is known goes along. */
export interface Tracker {
  readonly url: string
  status: 'waiting' | 'working' | 'failing'
  message: string | undefined
  error: EngineError | undefined
  seeds: number | undefined
  leechers: number | undefined
  trackerId: Uint8Array | undefined
  /** It has us on its list: it got `started`, and has to hear `stopped`. */
  knowsUs: boolean
  /** BEP 31: not to be asked before; `Infinity` is never. */
  notBefore: number
}

/** An announce under way. */
interface Attempt {
  readonly tracker: Tracker
  readonly event: AnnounceEvent | undefined
  readonly signal: AbortSwitch
  /** Trackers to ask in this round if this one fails. */
  readonly others: readonly Tracker[]
}

/**
 * One tier of trackers (BEP 12): one of them at a time is asked, the others stand in for it.
 *
 *   idle ─time, event─► announcing ─answer──► idle, for the interval          (that tracker moves to the front)
 *                         │    ▲
 *                      failure │ next tracker of the tier, at once
 *                         └────┘
 *                         └─none left──► idle, for a back-off
 *
 * Everything is decided synchronously; an answer to a question that was called off is not heard.
 */
export class TrackerTier {
  readonly #system: System
  readonly #owner: TierOwner
  readonly #options: AnnounceOptions
  /** In the order in which they are tried. */
  #trackers: Tracker[]
  /** The tracker that was asked last is not of this tier any more. */
  #hasLostTracker = false
  #attempt: Attempt | undefined
  #timer: Timer | undefined
  #isRunning = false
  #hadFirstRound = false
  #failedRounds = 0
  #hungryAnnounces = 0
  /** `completed` has to be told, and no tracker of this tier has heard it. */
  #owesCompleted = false
  /** The next announce in the normal course. */
  #nextAt = 0
  /** The next announce in need. */
  #hungryAt = Infinity
  /** Before this nobody is asked without an event, however much it is wanted. */
  #notBefore = 0

  /** `trackers` in any order: they are shuffled (BEP 12), so that trackers which share their peers share their load. */
  constructor(options: {
    readonly system: System
    readonly owner: TierOwner
    readonly options: AnnounceOptions
    readonly trackers: readonly Tracker[]
  }) {
    this.#system = options.system
    this.#owner = options.owner
    this.#options = options.options
    this.#trackers = shuffled(options.trackers, options.system)
  }

  get urls(): readonly string[] {
    return this.#trackers.map(({ url }) => url)
  }

  /** Whether a tracker has answered since the start, or all of them have failed. */
  get hadFirstRound(): boolean {
    return this.#hadFirstRound
  }

  /** In the order in which they are tried. */
  get statuses(): TrackerStatus[] {
    return this.#trackers.map((tracker) => this.#statusOf(tracker))
  }

  /** The most that any of its trackers says; undefined while none says anything. */
  most(what: 'seeds' | 'leechers'): number | undefined {
    let most: number | undefined
    for (const tracker of this.#trackers) {
      const count = tracker[what]
      if (count !== undefined && (most === undefined || count > most)) most = count
    }
    return most
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#hadFirstRound = false
    this.#failedRounds = 0
    this.#hungryAnnounces = 0
    this.#notBefore = 0
    this.#owesCompleted = false
    this.#beginRound()
  }

  /** The download has just finished. Told at once if a tracker works, else when one does again. */
  complete(): void {
    if (!this.#isRunning) return
    this.#owesCompleted = true
    if (this.#attempt === undefined && this.#failedRounds === 0) this.#beginRound()
  }

  /** Asks again as soon as the tracker allows it. */
  announceSoon(): void {
    if (!this.#isRunning || this.#attempt !== undefined) return
    this.#nextAt = Math.min(this.#nextAt, Math.max(this.#system.now(), this.#notBefore))
    this.#arm()
  }

  /** Gives up the trackers that are not to be kept, and what is asked of them. `adopt` has to follow, or `stop`. */
  release(isKept: (url: string) => boolean): Tracker[] {
    const released = this.#trackers.filter(({ url }) => !isKept(url))
    if (released.length === 0) return released
    const asked = this.#attempt?.tracker ?? this.#trackers[0]
    this.#hasLostTracker ||= asked !== undefined && released.includes(asked)
    if (this.#attempt !== undefined && released.includes(this.#attempt.tracker)) this.#callOff(this.#attempt)
    this.#trackers = this.#trackers.filter((tracker) => !released.includes(tracker))
    return released
  }

  /** Takes further trackers in, as stand-ins for those that are there; asks at once if none of those answers. */
  adopt(trackers: readonly Tracker[]): void {
    this.#trackers.push(...shuffled(trackers, this.#system))
    const isInNeed = this.#hasLostTracker || (this.#failedRounds > 0 && trackers.length > 0)
    this.#hasLostTracker = false
    if (this.#isRunning && isInNeed && this.#attempt === undefined) this.#beginRound()
  }

  /** Tells trackers that were released that we leave. Best effort: resolves in any case. */
  async farewell(trackers: readonly Tracker[]): Promise<void> {
    await Promise.all(trackers.filter((tracker) => tracker.knowsUs).map((tracker) => this.#tellStopped(tracker)))
  }

  /** Ends what is under way, and tells every tracker that knows us. Best effort: resolves in any case. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#attempt !== undefined) this.#callOff(this.#attempt)
    await this.farewell(this.#trackers)
  }

  #callOff(attempt: Attempt): void {
    this.#attempt = undefined
    // It may have heard us although we have not heard it.
    if (attempt.event === 'started') attempt.tracker.knowsUs = true
    attempt.signal.abort()
  }

  async #tellStopped(tracker: Tracker): Promise<void> {
    const { stopTimeoutMs } = this.#options
    const timeoutMs = tracker.status === 'working' ? stopTimeoutMs : Math.min(stopTimeoutMs, DOUBTFUL_STOP_MS)
    tracker.knowsUs = false
    tracker.status = 'waiting'
    const signal = new AbortSwitch()
    const patience = this.#system.after(timeoutMs, () => signal.abort())
    const { url, trackerId } = tracker
    const question: TierQuestion = { url, event: 'stopped', trackerId, timeoutMs, signal }
    try {
      // The network may hang whatever the signal says; we do not wait longer for that.
      await Promise.race([this.#owner.ask(question, () => undefined), aborted(signal)])
    } catch {
      // It finds out by itself: we do not announce any more.
    } finally {
      patience.cancel()
    }
  }

  #beginRound(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const now = this.#system.now()
    const [first, ...others] = this.#trackers.filter((tracker) => tracker.notBefore <= now)
    if (first === undefined) this.#onRoundFailed()
    else this.#try(first, others)
  }

  #try(tracker: Tracker, others: readonly Tracker[]): void {
    const event = !tracker.knowsUs ? 'started' : this.#owesCompleted ? 'completed' : undefined
    const attempt: Attempt = { tracker, event, others, signal: new AbortSwitch() }
    this.#attempt = attempt
    const { url, trackerId } = tracker
    const question: TierQuestion = { url, event, trackerId, timeoutMs: this.#patience(url), signal: attempt.signal }
    const onOther = (reply: AnnounceReply): void => {
      if (this.#isRunning) this.#owner.onPeers(reply.peers, url)
    }
    this.#owner.ask(question, onOther).then(
      (answer) => {
        if (this.#attempt !== attempt) return
        if (isTrackerFailure(answer)) this.#onRefusal(attempt, answer)
        else this.#onReply(attempt, answer)
      },
      (error: unknown) => {
        if (this.#attempt === attempt)
          this.#onFailure(attempt, asEngineError(error, 'TRACKER_UNREACHABLE', `Cannot announce to ${hostOf(url)}`))
      },
    )
  }

  #onReply(attempt: Attempt, reply: AnnounceReply): void {
    const { tracker, event } = attempt
    this.#attempt = undefined
    this.#failedRounds = 0
    if (event === 'started') tracker.knowsUs = true
    if (event === 'completed') this.#owesCompleted = false
    tracker.status = 'working'
    tracker.message = reply.warning
    tracker.error = undefined
    tracker.seeds = reply.complete
    tracker.leechers = reply.incomplete
    tracker.trackerId = reply.trackerId ?? tracker.trackerId
    this.#trackers = [tracker, ...this.#trackers.filter((other) => other !== tracker)]

    const now = this.#system.now()
    this.#nextAt = now + intervalMs(reply, this.#options)
    this.#notBefore = now + Math.max(leastIntervalMs(reply, this.#options), this.#options.hungryIntervalMs)
    this.#hungryAt = Math.max(this.#notBefore, now + this.#hungryDelay())
    this.#arm()
    this.#owner.onStatus(this.#statusOf(tracker))
    this.#owner.onPeers(reply.peers, tracker.url)
    this.#endFirstRound()
    if (this.#owesCompleted && this.#isRunning && this.#attempt === undefined) this.#beginRound()
  }

  #onRefusal(attempt: Attempt, { failureReason, retryInSeconds }: TrackerFailure): void {
    const { tracker } = attempt
    if (retryInSeconds === 'never') tracker.notBefore = Infinity
    else if (retryInSeconds !== undefined)
      tracker.notBefore = this.#system.now() + Math.min(retryInSeconds * 1000, this.#options.longestIntervalMs)
    const reason = failureReason === '' ? 'it gives no reason' : failureReason
    this.#onFailure(attempt, new EngineError('TRACKER_FAILURE', `The tracker ${hostOf(tracker.url)} refuses: ${reason}`))
  }

  #onFailure({ tracker, others }: Attempt, error: EngineError): void {
    this.#attempt = undefined
    const isNews = tracker.status !== 'failing' || tracker.message !== error.message
    tracker.status = 'failing'
    tracker.message = error.message
    tracker.error = error
    tracker.seeds = undefined
    tracker.leechers = undefined
    // An address that we refuse does not get better.
    if (error.code === 'TRACKER_URL_REFUSED') tracker.notBefore = Infinity
    const [next, ...rest] = others.filter((other) => this.#trackers.includes(other))
    if (next === undefined) this.#onRoundFailed()
    else this.#try(next, rest)
    // Said after the next step is settled, so that the news can tell when we ask again.
    if (isNews) this.#owner.onStatus(this.#statusOf(tracker))
  }

  /** Nobody in the tier answered: later again, at the earliest when one of them may be asked. */
  #onRoundFailed(): void {
    this.#failedRounds++
    const now = this.#system.now()
    const allowedAt = Math.min(...this.#trackers.map((tracker) => tracker.notBefore))
    this.#nextAt = Math.max(allowedAt, now + retryDelayMs(this.#failedRounds, this.#chance(), this.#options))
    this.#notBefore = Math.max(allowedAt, now + this.#options.hungryIntervalMs)
    this.#hungryAt = Infinity
    this.#arm()
    this.#endFirstRound()
  }

  #endFirstRound(): void {
    if (this.#hadFirstRound) return
    this.#hadFirstRound = true
    this.#owner.onFirstRound()
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const at = Math.min(this.#nextAt, this.#hungryAt)
    if (at === Infinity || !this.#isRunning) return
    this.#timer = this.#system.after(Math.max(0, at - this.#system.now()), () => {
      this.#timer = undefined
      this.#onTime()
    })
  }

  #onTime(): void {
    const now = this.#system.now()
    const isHungry = this.#owner.isHungry()
    if (!isHungry) this.#hungryAnnounces = 0
    if (now >= this.#nextAt) this.#beginRound()
    else if (isHungry && now >= this.#hungryAt) {
      this.#hungryAnnounces++
      this.#beginRound()
    } else {
      // Not in need now; or the timer came early, because delays are cut to what timers can hold.
      if (now >= this.#hungryAt) this.#hungryAt = now + this.#hungryDelay()
      this.#arm()
    }
  }

  #hungryDelay(): number {
    return hungryDelayMs(this.#hungryAnnounces, this.#chance(), this.#options)
  }

  #patience(url: string): number {
    return /^udp:/i.test(url) ? this.#options.udpTimeoutMs : this.#options.httpTimeoutMs
  }

  #chance(): number {
    return this.#system.randomBelow(1 << 20) / (1 << 20)
  }

  #statusOf(tracker: Tracker): TrackerStatus {
    const { url, message, error, seeds, leechers } = tracker
    const status = this.#attempt?.tracker === tracker ? 'announcing' : tracker.status
    const isNext = this.#isRunning && this.#attempt === undefined && this.#nextAt !== Infinity
    const isAsked = tracker === this.#trackers[0] || tracker.status === 'failing'
    const nextAnnounceAt = isNext && isAsked && tracker.notBefore !== Infinity ? Math.max(this.#nextAt, tracker.notBefore) : undefined
    return { url, status, message, error, seeds, leechers, nextAnnounceAt }
  }
}

/** A tracker that nothing is known of yet. */
export function newTracker(url: string): Tracker {
  return {
    url,
    status: 'waiting',
    message: undefined,
    error: undefined,
    seeds: undefined,
    leechers: undefined,
    trackerId: undefined,
    knowsUs: false,
    notBefore: 0,
  }
}

/** Scheme, host and port: path and query may hold a passkey, and messages end up in logs. */
function hostOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*/i.exec(url)?.[0] ?? 'with a broken address'
}

function shuffled<Value>(values: readonly Value[], system: System): Value[] {
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = system.randomBelow(last + 1)
    const value = result[last]!
    result[last] = result[other]!
    result[other] = value
  }
  return result
}

function aborted(signal: AbortSwitch): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', resolve))
}
