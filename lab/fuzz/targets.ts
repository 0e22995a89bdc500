import type { FuzzTarget } from './target.ts'
import { hubAnnounce, hubHttp, hubUdp } from './targets/hub-doors.ts'
import { hubForwarded, hubRequest, hubSnapshot } from './targets/hub-rooms.ts'
import { controlChannel, controlMessage, webAddress, webRequest } from './targets/hub-web.ts'
import { metadataFetch, peerBeforeMetadata, peerConnection } from './targets/peer-conversations.ts'
import { bitfield, dontHave, extensionHandshake, handshake, messageDecoder, utMetadata } from './targets/peer-messages.ts'
import { resumeData, resumeFile, resumeTrust, stateLock } from './targets/saved-state.ts'
import { sessionAdd, sessionLeech, sessionLeechHelped, sessionMagnet, sessionMagnetHelped, sessionSeed } from './targets/sessions.ts'
import { cleanTexts, fileList, infoHashText, ipAddress, magnet, peerId, percent, trackerUrl, utf8 } from './targets/texts.ts'
import { bencode, bencodePrefix, info, metainfo, pieceLayers, safeNames, safePaths } from './targets/torrent-files.ts'
import { httpResponse, httpTracker, udpTracker } from './targets/tracker-clients.ts'
import {
  announceQuery,
  announceReply,
  compactPeers,
  scrapeQuery,
  scrapeReply,
  udpReply4,
  udpReply6,
  udpRequest,
} from './targets/tracker-messages.ts'

/** Everything of Shoal that takes bytes from outside, cheapest rooms first. */
export const TARGETS: readonly FuzzTarget[] = [
  bencode,
  bencodePrefix,
  metainfo,
  info,
  pieceLayers,
  safeNames,
  safePaths,
  magnet,
  infoHashText,
  peerId,
  trackerUrl,
  ipAddress,
  cleanTexts,
  utf8,
  percent,
  fileList,
  handshake,
  messageDecoder,
  extensionHandshake,
  utMetadata,
  dontHave,
  bitfield,
  announceReply,
  scrapeReply,
  announceQuery,
  scrapeQuery,
  udpRequest,
  udpReply4,
  udpReply6,
  compactPeers,
  resumeData,
  resumeTrust,
  resumeFile,
  stateLock,
  peerConnection,
  peerBeforeMetadata,
  metadataFetch,
  httpTracker,
  udpTracker,
  httpResponse,
  hubUdp,
  hubAnnounce,
  hubHttp,
  controlMessage,
  webAddress,
  webRequest,
  controlChannel,
  hubSnapshot,
  hubRequest,
  hubForwarded,
  sessionAdd,
  sessionSeed,
  sessionLeech,
  sessionMagnet,
  sessionLeechHelped,
  sessionMagnetHelped,
]
