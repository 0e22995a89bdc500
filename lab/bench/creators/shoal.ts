import { Program } from '../../interop/program.ts'
import { profileFlags, SHOAL } from '../clients/shoal.ts'
import { type Creator, NO_TRACKER } from '../creator.ts'

export const shoalCreate: Creator = {
  name: 'shoal',
  whyMissing: () => undefined,
  start({ content, target, pieceLength, profileDir }) {
    const words = ['create', content, '-o', target, '--piece-length', String(pieceLength), '--tracker', NO_TRACKER]
    return new Program('shoal create', [], [process.execPath, ...profileFlags(profileDir), SHOAL, ...words])
  },
}
