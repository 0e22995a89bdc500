import type { FileSlice } from '../ports/hasher.ts'

/** Cuts the views along the borders of the spans: one list of views a span. */
export function viewsOfSpans(
  spans: readonly { readonly length: number }[],
  views: readonly Uint8Array[],
): readonly (readonly Uint8Array[])[] {
  let viewIndex = 0
  let used = 0
  return spans.map(({ length }) => {
    const run: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      const view = views[viewIndex]!
      const part = view.subarray(used, used + missing)
      run.push(part)
      missing -= part.length
      used += part.length
      if (used < view.length) continue
      viewIndex++
      used = 0
    }
    return run
  })
}

/** One read for the whole run, whatever the number of views: a slow disk is asked once. @returns whether all of it was there */
export async function readRun(slice: FileSlice, views: readonly Uint8Array[]): Promise<boolean> {
  if (slice.file !== undefined) return (await slice.file.read(views, slice.offset)) === slice.length
  for (const view of views) view.fill(0)
  return true
}
