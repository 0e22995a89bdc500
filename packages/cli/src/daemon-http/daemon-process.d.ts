import type { DaemonFiles } from './daemon-files.ts';
import { type RunningDaemon } from './running-daemon.ts';
/** A large state on a slow disk is ready long before. */
export declare const START_TIMEOUT_MS = 30000;
/** It stops within five seconds, and a disk may be slow. */
export declare const STOP_TIMEOUT_MS = 15000;
export interface DaemonStart {
    readonly files: DaemonFiles;
    /** The words of the command line that runs a daemon in its process. */
    readonly program: readonly string[];
    readonly environment: Readonly<Record<string, string | undefined>>;
}
/**
 * Starts a daemon that outlives this process, and waits until it answers. Two that are started at once are one in the end.
 *
 * @throws {DaemonAccessError} `DAEMON_NOT_STARTED`, with what it said
 */
export declare function startDaemonProcess({ files, program, environment }: DaemonStart): Promise<RunningDaemon>;
/**
 * Asks the daemon to stop, and waits until its process has ended.
 *
 * @returns false when none ran
 * @throws {DaemonAccessError} `DAEMON_NOT_STOPPED`
 */
export declare function stopDaemonProcess(files: DaemonFiles): Promise<boolean>;
