"""One libtorrent peer for the interop tests, told what to do by one JSON object, saying what happens line by line.

    libtorrent-peer.py '{"what": "x.torrent" or "magnet:...", "dir": "...", "encryption": "off", "uploadRate": 0}'

READY <port> · ANNOUNCED <peers> <url> · METADATA · PEER <client> · DONE · ERROR <text>. It goes on until its standard input closes.
"""
import json
import sys
import threading

import libtorrent as lt

told = json.loads(sys.argv[1])
encrypted = told.get('encryption') == 'on'
session = lt.session({
    'listen_interfaces': told['address'] + ':0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'allow_multiple_connections_per_ip': True,
    # 1 is "may be encrypted" and libtorrent's own default, 2 is "never"
    'out_enc_policy': 1 if encrypted else 2, 'in_enc_policy': 1 if encrypted else 2,
    'alert_mask': lt.alert.category_t.all_categories & ~lt.alert.category_t.stats_notification,
    'alert_queue_size': 100_000,
})
if told['what'].startswith('magnet:'):
    params = lt.parse_magnet_uri(told['what'])
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(told['what'])
params.save_path = told['dir']
# Without these it waits to be started, or for a queue.
params.flags &= ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
handle = session.add_torrent(params)
if told.get('uploadRate'):
    handle.set_upload_limit(told['uploadRate'])


def end_with_input():
    sys.stdin.read()
    session.pause()
    ended.set()


ended = threading.Event()
threading.Thread(target=end_with_input, daemon=True).start()


def say(*words):
    print(*words, flush=True)


met = set()
say('READY', session.listen_port())
while not ended.is_set():
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.tracker_reply_alert):
            say('ANNOUNCED', alert.num_peers, alert.url)
        elif isinstance(alert, lt.metadata_received_alert):
            say('METADATA')
        elif isinstance(alert, lt.torrent_finished_alert):
            for peer in handle.get_peer_info():
                met.add(peer.client)
            say('PEERS', json.dumps(sorted(name.decode() if isinstance(name, bytes) else name for name in met)))
            say('DONE')
        elif isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert, lt.tracker_error_alert, lt.hash_failed_alert,
                                lt.metadata_failed_alert, lt.peer_error_alert, lt.peer_disconnected_alert, lt.listen_failed_alert)):
            say('ERROR' if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)) else 'note', alert.message())
    for peer in handle.get_peer_info():
        met.add(peer.client)
