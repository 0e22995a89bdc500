import { rm } from 'node:fs/promises'
import { Daemon } from '../daemon/daemon.ts'
import { REAL_DAEMON_SYSTEM } from '../daemon/daemon-system.ts'
import type { DaemonFiles } from '../daemon-http/daemon-files.ts'
import { DaemonLog } from '../daemon-http/daemon-log.ts'
import { DaemonServer } from '../daemon-http/daemon-server.ts'
import { loadToken, readIfThere, writePrivate } from '../daemon-http/local-secret.ts'
import { addressText } from '../daemon-http/running-daemon.ts'
import { lastingDownloadFolder } from '../foreground/folders.ts'
import { PeerHubs } from '../hubs/peer-hubs.ts'
import { failureLine, failureOf } from '../render/failure.ts'
import type { CommandContext } from './command.ts'
import { StopSignals } from './stop-signals.ts'

export interface ServeChoices {
  readonly files: DaemonFiles
  /** The first that is tried for the API. */
  readonly port: number
  /** For other peers; absent: the first free one of Shoal's range. */
  readonly peerPort?: number
  readonly isJson: boolean
  /** Nobody reads what it says while it runs. */
  readonly isDetached: boolean
}

/** A disk that hangs may keep a stop from ending; a supervisor would wait no longer. */
const STOP_WITHIN_MS = 10_000
const system = REAL_DAEMON_SYSTEM

/** Runs a daemon in this process until a signal comes, or until somebody asks for a stop. */
export async function serveDaemon(choices: ServeChoices, context: CommandContext): Promise<void> {
  const { files } = choices
  const log = new DaemonLog(files.log, choices.isDetached ? undefined : (line) => context.messages.write(`${line}\n`))
  const say = (level: 'note' | 'warning' | 'error', text: string): void => log.write({ at: system.wallClock(), level, text })
  const logCrash = (error: unknown): void => say('error', `Crashed: ${traceOf(error)}`)
  process.on('uncaughtExceptionMonitor', logCrash)
  const signals = new StopSignals()
  let askStop: () => void = () => undefined
  const stopAsked = new Promise<void>((resolve) => {
    askStop = resolve
  })
  try {
    const served = await openPeer(choices, context.version, { log, say, askStop })
    say('note', `Ready: process ${process.pid}, peers on port ${served.peerPort}, API at ${served.url}`)
    context.output.write(
      choices.isJson
        ? `${JSON.stringify({ event: 'ready', peer: { port: served.peerPort, url: served.url } })}\n`
        : `READY peer port=${served.peerPort} api=${served.url}\n`,
    )
    await Promise.race([signals.whenReceived(), stopAsked])
    say('note', 'Stopping')
    const watch = setTimeout(() => {
      say('error', `Not everything was closed within ${STOP_WITHIN_MS / 1_000} s: left as it is`)
      process.exit(1)
    }, STOP_WITHIN_MS)
    await served.close()
    clearTimeout(watch)
    say('note', 'Stopped')
    if (!choices.isDetached) context.output.write(choices.isJson ? `${JSON.stringify({ event: 'stopped' })}\n` : 'Stopped\n')
  } catch (error) {
    say('error', failureLine(failureOf(error)))
    throw error
  } finally {
    process.off('uncaughtExceptionMonitor', logCrash)
    signals.ignore()
  }
}

interface Speaker {
  readonly log: DaemonLog
  readonly say: (level: 'note' | 'warning' | 'error', text: string) => void
  readonly askStop: () => void
}

interface ServedPeer {
  readonly url: string
  readonly peerPort: number
  close(): Promise<void>
}

/** Torrents first, then the hubs that speak of them, then the door: who can call finds everything there. */
async function openPeer({ files, port, peerPort }: ServeChoices, version: string, { log, say, askStop }: Speaker): Promise<ServedPeer> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    const daemon = await Daemon.start({
      folder: files.folder,
      downloadDir: lastingDownloadFolder(process.env),
      version,
      onLog: (line, id) => log.write(line, id),
      ...(peerPort === undefined ? {} : { port: peerPort }),
    })
    closers.push(() => daemon.stop())
    const { peerPort: listensOn } = await daemon.desk.showFacts()
    const hubs = await PeerHubs.open({
      folder: files.folder,
      system,
      shelf: daemon.shelf,
      torrents: daemon.desk,
      version: `Shoal ${version}`,
      emit: (event) => daemon.emit(event),
      notice: (text) => daemon.say('warning', text),
      peerName: () => daemon.settings.current.peerName,
      peerPort: () => listensOn,
    })
    closers.push(() => hubs.close())
    let { peerName } = daemon.settings.current
    const token = await loadToken(files.token, (length) => system.randomBytes(length))
    const server = await DaemonServer.open({
      torrents: daemon.desk,
      hubs,
      subscribe: (listener) => daemon.subscribe(listener),
      token,
      folder: files.folder,
      port,
      version,
      system,
      whenSaved: () => daemon.state.whenSaved(),
      onStopAsked: askStop,
      onSettings: () => {
        if (daemon.settings.current.peerName === peerName) return
        peerName = daemon.settings.current.peerName
        hubs.onPeerChanged()
      },
      onBug: (error) => say('error', `A call found a bug: ${traceOf(error)}`),
    })
    closers.push(() => server.close())
    const address = addressText({ url: server.url, pid: process.pid })
    await writePrivate(files.url, address, 'replace')
    closers.push(async () => {
      if ((await readIfThere(files.url)) === address) await rm(files.url, { force: true })
    })
    return { url: server.url, peerPort: listensOn, close }
  } catch (error) {
    await close()
    throw error
  }
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
