/** Why there is no daemon to talk to, or none can be made. Stable: programs match on the code. */
export type DaemonAccessCode = 'PORT_IN_USE' | 'LISTEN_FAILED' | 'STATE_UNAVAILABLE' | 'DAEMON_NOT_RUNNING' | 'DAEMON_NOT_STARTED' | 'DAEMON_NOT_STOPPED';
/** The daemon cannot be reached or started; the message says what, why and what to do. */
export declare class DaemonAccessError extends Error {
    readonly name = "DaemonAccessError";
    readonly code: DaemonAccessCode;
    constructor(code: DaemonAccessCode, message: string, options?: ErrorOptions);
}
