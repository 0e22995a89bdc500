/**
 * The token of a daemon, made once: who can read the file is the person whose daemon it is.
 *
 * @throws {DaemonAccessError} `STATE_UNAVAILABLE`
 */
export declare function loadToken(path: string, randomBytes: (length: number) => Uint8Array): Promise<string>;
/** Undefined when there is none. */
export declare function readToken(path: string): Promise<string | undefined>;
export declare function readIfThere(path: string): Promise<string | undefined>;
/** Written whole or not at all, and never readable by others, not even for a moment. */
export declare function writePrivate(path: string, text: string, ifThere: 'keep' | 'replace'): Promise<void>;
