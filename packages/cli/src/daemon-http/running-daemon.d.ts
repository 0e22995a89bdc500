import type { DaemonFacts } from '@shoal/api/daemon-api';
import { DaemonClient } from '@shoal/api/daemon-client';
import type { DaemonFiles } from './daemon-files.ts';
/** A daemon that answers. */
export interface RunningDaemon {
    readonly client: DaemonClient;
    readonly facts: DaemonFacts;
}
/** What a daemon has left in its folder of where it is. */
export interface DaemonAddress {
    readonly url: string;
    readonly pid: number;
}
/** The second line is the process: whoever else listens at the address of one that was killed is not shown the token. */
export declare function addressText({ url, pid }: DaemonAddress): string;
/** Undefined when none runs: also when one that was killed has left its address. */
export declare function daemonAddress(files: DaemonFiles): Promise<DaemonAddress | undefined>;
/**
 * The daemon of this person, if one runs.
 *
 * @throws {ClientError} `DAEMON_SILENT`; {ProblemError} what it refuses
 */
export declare function findDaemon(files: DaemonFiles, timeoutMs?: number): Promise<RunningDaemon | undefined>;
/** Whether a process of that number runs. One that has ended stays in the table until its parent has looked, which some never do. */
export declare function isAlive(pid: number): boolean;
