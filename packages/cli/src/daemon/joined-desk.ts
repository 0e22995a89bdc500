import type { HubDesk, PeerDesk, TorrentDesk } from './peer-desk.ts'

/** One desk of two halves and the news of both. */
export function joinDesks(torrents: TorrentDesk, hubs: HubDesk, subscribe: PeerDesk['subscribe']): PeerDesk {
  return {
    subscribe,

    listTorrents: () => torrents.listTorrents(),
    showTorrent: (id) => torrents.showTorrent(id),
    listTorrentFiles: (id) => torrents.listTorrentFiles(id),
    listTorrentPeers: (id) => torrents.listTorrentPeers(id),
    listTrackers: (id) => torrents.listTrackers(id),
    showPieces: (id) => torrents.showPieces(id),
    watchPieces: (id) => torrents.watchPieces(id),
    readLog: (id) => torrents.readLog(id),
    readMetainfo: (id) => torrents.readMetainfo(id),
    openContent: (id, fileIndex) => torrents.openContent(id, fileIndex),
    addTorrent: (what, signal) => torrents.addTorrent(what, signal),
    changeTorrent: (id, change) => torrents.changeTorrent(id, change),
    actOnTorrent: (id, action) => torrents.actOnTorrent(id, action),
    moveTorrent: (id, where) => torrents.moveTorrent(id, where),
    removeTorrent: (id, how) => torrents.removeTorrent(id, how),
    startCreation: (what) => torrents.startCreation(what),
    listCreations: () => torrents.listCreations(),
    showCreation: (id) => torrents.showCreation(id),
    cancelCreation: (id) => torrents.cancelCreation(id),
    readSettings: () => torrents.readSettings(),
    changeSettings: (change) => torrents.changeSettings(change),
    showFacts: () => torrents.showFacts(),
    readHistory: (span) => torrents.readHistory(span),

    listHubs: () => hubs.listHubs(),
    connectHub: (what) => hubs.connectHub(what),
    forgetHub: (id) => hubs.forgetHub(id),
    signIn: (id, who) => hubs.signIn(id, who),
    register: (id, who) => hubs.register(id, who),
    signOut: (id) => hubs.signOut(id),
    publish: (what, signal) => hubs.publish(what, signal),
    unpublish: (name, hub) => hubs.unpublish(name, hub),
    listPublications: () => hubs.listPublications(),
    fetch: (what, signal) => hubs.fetch(what, signal),
    listHubFiles: (query, hub) => hubs.listHubFiles(query, hub),
    listHubPeers: (hub) => hubs.listHubPeers(hub),
    listHolders: (infoHash, hub) => hubs.listHolders(infoHash, hub),
    pingPeer: (peer, hub) => hubs.pingPeer(peer, hub),
    discover: (peer, hub) => hubs.discover(peer, hub),
  }
}
