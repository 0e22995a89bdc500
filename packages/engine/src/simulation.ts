/** The simulated twins of the machine, for tests of the engine and of what is built on it. */
export { Random } from './sim/random.ts'
export { SimSystem } from './sim/system.ts'
