import { availableParallelism } from 'node:os'
import { Program } from '../../interop/program.ts'
import { needs } from '../../interop/requirement.ts'
import { type Creator, NO_TRACKER } from '../creator.ts'

export const mktorrent: Creator = {
  name: 'mktorrent',
  whyMissing: () => needs('mktorrent') || undefined,
  start({ content, target, pieceLength }) {
    const words = ['-t', String(availableParallelism()), '-l', String(Math.log2(pieceLength)), '-a', NO_TRACKER, '-o', target, content]
    return new Program('mktorrent', [], ['mktorrent', ...words])
  },
}
