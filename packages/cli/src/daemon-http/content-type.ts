/** By the end of a name; what is not here is bytes, and is saved rather than shown. */
const TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
  mov: 'video/quicktime',
  avi: 'video/x-msvideo',
  mpg: 'video/mpeg',
  mpeg: 'video/mpeg',
  ts: 'video/mp2t',
  ogv: 'video/ogg',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  ogg: 'audio/ogg',
  oga: 'audio/ogg',
  opus: 'audio/ogg',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  bmp: 'image/bmp',
  txt: 'text/plain; charset=utf-8',
  md: 'text/plain; charset=utf-8',
  srt: 'text/plain; charset=utf-8',
  log: 'text/plain; charset=utf-8',
  csv: 'text/plain; charset=utf-8',
  vtt: 'text/vtt; charset=utf-8',
}

/**
 * What a browser is told of a file that strangers made. Only what cannot run anything is shown in place: no HTML, no SVG, no PDF.
 */
export function contentHeaders(name: string): { readonly 'content-type': string; readonly 'content-disposition': string } {
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const type = Object.hasOwn(TYPES, extension) ? TYPES[extension] : undefined
  const encoded = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
  return {
    'content-type': type ?? 'application/octet-stream',
    'content-disposition': `${type === undefined ? 'attachment' : 'inline'}; filename*=UTF-8''${encoded}`,
  }
}
