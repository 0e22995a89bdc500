import type { Host } from './host.ts'
import type { Program } from './program.ts'
import type { Scene } from './scene.ts'

export interface Aria2Options {
  readonly host: Host
  /** A .torrent file or a magnet link. */
  readonly what: string
  readonly dir: string
  /** Bytes a second; no limit unless given. */
  readonly uploadRate?: number
}

/** aria2 takes a range of ports and looks for a free one in it, by chance. */
const PORTS = '20000-32000'

/** An aria2 that shares what it has and gets what it lacks. It does not say when it is complete: the tracker hears of it. */
export function startAria2(scene: Scene, { host, what, dir, uploadRate }: Aria2Options): Program {
  const home = scene.dir('aria2 home')
  const options = [
    '--no-conf',
    `--dir=${dir}`,
    `--listen-port=${PORTS}`,
    // UDP trackers share the socket of the DHT. Without an entry point and a table of its own it asks nobody.
    '--enable-dht=true',
    '--enable-dht6=false',
    `--dht-listen-port=${PORTS}`,
    `--dht-file-path=${home}/dht.dat`,
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    '--file-allocation=none',
    `--max-overall-upload-limit=${uploadRate ?? 0}`,
    '--console-log-level=notice',
    '--summary-interval=0',
    '--show-console-readout=false',
    '--enable-color=false',
    // What is in the folder is looked at first, and what is complete is shared until it is stopped.
    '--check-integrity=true',
    '--seed-ratio=0.0',
  ]
  return scene.start(host, 'aria2', ['aria2c', ...options, what], { env: { HOME: home } })
}
