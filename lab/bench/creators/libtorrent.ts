import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { needs, PYTHON } from '../../interop/requirement.ts'
import type { Creator } from '../creator.ts'

const CREATE = join(import.meta.dirname, 'libtorrent-create.py')

export const libtorrentCreate: Creator = {
  name: 'libtorrent',
  whyMissing: () => needs('libtorrent') || undefined,
  start({ content, target, pieceLength }) {
    return new Program('libtorrent create', [], [PYTHON, CREATE, content, target, String(pieceLength)])
  },
}
