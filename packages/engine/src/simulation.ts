/** The simulated twins of the machine, for tests of the engine and of what is built on it. */

export { SimHost } from './sim/host.ts'
export type { HttpHandler, SimHttpAnswer } from './sim/http.ts'
export { SimNetwork, type SimNetworkOptions } from './sim/network.ts'
export type { HostOptions, LinkOptions, StreamOptions } from './sim/path.ts'
export { Random } from './sim/random.ts'
export { SimSystem, type SimSystemOptions } from './sim/system.ts'
