import { styleText } from 'node:util'

/** What a colour means here. It is never the only sign. */
export interface Palette {
  /** Done. */
  readonly good: (text: string) => string
  /** Waiting. */
  readonly waiting: (text: string) => string
  /** Needs you. */
  readonly bad: (text: string) => string
  /** Not news. */
  readonly dim: (text: string) => string
  readonly strong: (text: string) => string
}

/** Where a command writes. Lines that cannot be written any more (a closed pipe) are dropped without a word. */
export interface Terminal {
  /** Whether a person looks: lines are aligned and cut to fit. */
  readonly isTerminal: boolean
  /** Whether lines may be redrawn in place and coloured. */
  readonly isLive: boolean
  readonly palette: Palette
  /** Cells in a line, at this moment. */
  columns(): number
  write(text: string): void
  /** @returns a function that stops the calls. */
  onResize(callback: () => void): () => void
}

/** The stream as a terminal, or as a plain list of lines: for a pipe, a dumb terminal, and whoever asked with NO_COLOR. */
export function terminalOf(stream: NodeJS.WriteStream, environment: Readonly<Record<string, string | undefined>>): Terminal {
  const isLive = stream.isTTY === true && environment.TERM !== 'dumb' && !environment.NO_COLOR
  return {
    isTerminal: stream.isTTY === true,
    isLive,
    palette: isLive ? COLOURS : PLAIN,
    columns: () => Math.max(MIN_COLUMNS, stream.columns ?? DEFAULT_COLUMNS),
    write: (text) => {
      if (stream.writable) stream.write(text)
    },
    onResize: (callback) => {
      stream.on('resize', callback)
      return () => stream.off('resize', callback)
    },
  }
}

/** Lets a reader go away (`shoal show x | head -1`, a window that is closed): what is left to say has nobody to hear it, and that is no failure. */
export function forgiveClosedPipes(...streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EOF' && error.code !== 'EIO') throw error
    })
  }
}

const DEFAULT_COLUMNS = 80
const MIN_COLUMNS = 20

const styled =
  (format: 'green' | 'yellow' | 'red' | 'dim' | 'bold') =>
  (text: string): string =>
    styleText(format, text, { validateStream: false })

const COLOURS: Palette = {
  good: styled('green'),
  waiting: styled('yellow'),
  bad: styled('red'),
  dim: styled('dim'),
  strong: styled('bold'),
}

const same = (text: string): string => text
const PLAIN: Palette = { good: same, waiting: same, bad: same, dim: same, strong: same }
