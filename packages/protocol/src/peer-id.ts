/** Peer ids (BEP 20): twenty bytes, of which the first few say which program it is, if one wants to believe it. */

import { latin1 } from './bytes.ts'
import { cleanText } from './clean-text.ts'

export const PEER_ID_LENGTH = 20

const TAIL_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * An id of our own: the prefix, and letters and digits chosen by the random bytes.
 * @param prefix as `-SH0100-`
 * @param random one byte for each character after the prefix, at least
 */
export function makePeerId(prefix: string, random: Uint8Array): Uint8Array {
  if (prefix.length + random.length < PEER_ID_LENGTH) throw new Error(`Cannot happen: ${random.length} random bytes do not fill a peer id`)
  const id = new Uint8Array(PEER_ID_LENGTH)
  for (let at = 0; at < PEER_ID_LENGTH; at++) {
    // Sixty-four characters, so that six bits choose one, all alike often.
    id[at] = at < prefix.length ? prefix.charCodeAt(at) : TAIL_CHARACTERS.charCodeAt(random[at - prefix.length]! & 63)
  }
  return id
}

/**
 * What to call the program at the other end: `qBittorrent 4.6.0`, or what is readable of an id of unknown make, in quotes.
 * It is fit to be shown; nothing may depend on it.
 */
export function clientName(peerId: Uint8Array): string {
  const text = latin1(peerId.subarray(0, PEER_ID_LENGTH))
  return azureusStyle(text) ?? mainlineStyle(text) ?? oddStyle(text) ?? shadowStyle(text) ?? unknownName(text)
}

/** `-XX1234-`: two letters for the program, four characters for its version. */
function azureusStyle(text: string): string | undefined {
  const [, letters, version] = /^-([A-Za-z~][A-Za-z0-9~])([0-9A-Za-z.]{4})/.exec(text) ?? []
  if (letters === undefined || version === undefined) return undefined
  const client = AZUREUS_CLIENTS.get(letters)
  if (client === undefined) return undefined
  return `${client} ${letters === 'TR' ? transmissionVersion(version) : dottedVersion(version)}`
}

/** One number a character, `A` being 10; zeros at the end are not said, down to three numbers. */
function dottedVersion(version: string): string {
  const numbers = Array.from(version, digit)
  if (numbers[3] === 0) numbers.pop()
  return numbers.join('.')
}

/** `0` to `9`, then letters of either case from 10 on; a dot says nothing. */
function digit(character: string): number {
  const value = Number.parseInt(character, 36)
  return Number.isNaN(value) ? 0 : value
}

/** `2940` is 2.94, and from 4 on `4050` is 4.0.5. The last character marks versions under way. */
function transmissionVersion(version: string): string {
  if (version < '4') return `${version[0]}.${version.slice(1, 3)}`
  return Array.from(version.slice(0, 3), digit).join('.')
}

/** `M7-10-0--`, and aria2's `A2-1-36-0-`: numbers with dashes between them. */
function mainlineStyle(text: string): string | undefined {
  const [, letters, version] = /^(M|Q|A2-)(\d{1,3}(?:-\d{1,3}){1,2})-/.exec(text) ?? []
  if (letters === undefined || version === undefined) return undefined
  const client = letters === 'M' ? 'BitTorrent' : letters === 'Q' ? 'Queen Bee' : 'aria2'
  return `${client} ${version.replaceAll('-', '.')}`
}

/** Programs with a form of their own. */
function oddStyle(text: string): string | undefined {
  const [, dotted] = /^-ML(\d+(?:\.\d+)+)-/.exec(text) ?? []
  if (dotted !== undefined) return `MLdonkey ${dotted}`
  const [, xbt] = /^XBT(\d{3})[d-]/.exec(text) ?? []
  if (xbt !== undefined) return `XBT Client ${Array.from(xbt).join('.')}`
  const [, opera] = /^OP(\d{4})/.exec(text) ?? []
  if (opera !== undefined) return `Opera ${opera}`
  if (text.startsWith('exbc')) {
    const version = `${text.charCodeAt(4)}.${String(text.charCodeAt(5)).padStart(2, '0')}`
    return `${text.slice(6, 10) === 'LORD' ? 'BitLord' : 'BitComet'} ${version}`
  }
  return undefined
}

/** `S58B-----`: a letter, up to five characters of version, dashes (Shadow's client and its children). */
function shadowStyle(text: string): string | undefined {
  const [, letter, version] = /^([AOQRSTU])([0-9A-Za-z.]{1,5})-{0,4}---/.exec(text) ?? []
  const client = letter === undefined ? undefined : SHADOW_CLIENTS.get(letter)
  if (client === undefined || version === undefined) return undefined
  return `${client} ${Array.from(version, digit).join('.')}`
}

function unknownName(text: string): string {
  const readable = cleanText(text.replace(/[^\x20-\x7e]/g, ''), PEER_ID_LENGTH)
  return readable === '' ? 'unknown' : `"${readable}"`
}

const SHADOW_CLIENTS: ReadonlyMap<string, string> = new Map([
  ['A', 'ABC'],
  ['O', 'Osprey Permaseed'],
  ['Q', 'BTQueue'],
  ['R', 'Tribler'],
  ['S', "Shadow's client"],
  ['T', 'BitTornado'],
  ['U', 'UPnP NAT BitTorrent'],
])

const AZUREUS_CLIENTS: ReadonlyMap<string, string> = new Map([
  ['A2', 'aria2'],
  ['AG', 'Ares'],
  ['AR', 'Arctic'],
  ['AV', 'Avicora'],
  ['AX', 'BitPump'],
  ['AZ', 'Vuze'],
  ['A~', 'Ares'],
  ['BB', 'BitBuddy'],
  ['BC', 'BitComet'],
  ['BF', 'Bitflu'],
  ['BG', 'BTG'],
  ['BI', 'BiglyBT'],
  ['BL', 'BitLord'],
  ['BR', 'BitRocket'],
  ['BS', 'BTSlave'],
  ['BT', 'BitTorrent'],
  ['BX', 'BittorrentX'],
  ['CD', 'Enhanced CTorrent'],
  ['CT', 'CTorrent'],
  ['DE', 'Deluge'],
  ['DP', 'Propagate'],
  ['EB', 'EBit'],
  ['ES', 'electric sheep'],
  ['FC', 'FileCroc'],
  ['FD', 'Free Download Manager'],
  ['FG', 'FlashGet'],
  ['FT', 'FoxTorrent'],
  ['FW', 'FrostWire'],
  ['FX', 'Freebox BitTorrent'],
  ['GS', 'GSTorrent'],
  ['GT', 'anacrolix/torrent'],
  ['HL', 'Halite'],
  ['HN', 'Hydranode'],
  ['IL', 'iLivid'],
  ['KG', 'KGet'],
  ['KT', 'KTorrent'],
  ['LH', 'LH-ABC'],
  ['LP', 'Lphant'],
  // Rasterbar's library says LT, rakshasa's (the one in rTorrent) says lt.
  ['LT', 'libtorrent'],
  ['LW', 'LimeWire'],
  ['MG', 'MediaGet'],
  ['MO', 'MonoTorrent'],
  ['MP', 'MooPolice'],
  ['MR', 'Miro'],
  ['MT', 'MoonlightTorrent'],
  ['NX', 'Net Transport'],
  ['PD', 'Pando'],
  ['PI', 'PicoTorrent'],
  ['QD', 'QQDownload'],
  ['QT', 'Qt 4 Torrent example'],
  ['RT', 'Retriever'],
  ['RS', 'Rufus'],
  ['SB', 'Swiftbit'],
  ['SD', 'Xunlei'],
  ['SH', 'Shoal'],
  ['SP', 'BitSpirit'],
  ['SS', 'SwarmScope'],
  ['ST', 'SymTorrent'],
  ['SZ', 'Shareaza'],
  ['S~', 'Shareaza'],
  ['TB', 'Torch'],
  ['TL', 'Tribler'],
  ['TN', 'Torrent.NET'],
  ['TR', 'Transmission'],
  ['TS', 'TorrentStorm'],
  ['TT', 'TuoTu'],
  ['TX', 'Tixati'],
  ['UE', 'µTorrent Embedded'],
  ['UL', 'uLeecher!'],
  ['UM', 'µTorrent for Mac'],
  ['UT', 'µTorrent'],
  ['UW', 'µTorrent Web'],
  ['VG', 'Vagaa'],
  ['WD', 'WebTorrent Desktop'],
  ['WT', 'BitLet'],
  ['WW', 'WebTorrent'],
  ['WY', 'FireTorrent'],
  ['XF', 'Xfplay'],
  ['XL', 'Xunlei'],
  ['XT', 'XanTorrent'],
  ['XX', 'Xtorrent'],
  ['ZT', 'ZipTorrent'],
  ['lt', 'rTorrent'],
  ['qB', 'qBittorrent'],
  ['rQ', 'rqbit'],
  ['st', 'sharktorrent'],
])
