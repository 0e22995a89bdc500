// What WebTorrent imports. Without a WebSocket tracker it makes none of them.
export class RTCPeerConnection {}
export class RTCSessionDescription {}
export class RTCIceCandidate {}
