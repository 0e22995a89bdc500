# One libtorrent peer for the benchmarks, with a fair and fast setting: plain TCP, no limits, no discovery.
#   libtorrent-peer.py seed FILE.torrent FOLDER          prints "READY port"
#   libtorrent-peer.py get FILE.torrent FOLDER PORT      prints "DONE"
import sys
import time
import libtorrent as lt

mode, torrent, folder = sys.argv[1:4]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'allow_multiple_connections_per_ip': True,
    'out_enc_policy': 2, 'in_enc_policy': 2,
    'max_out_request_queue': 1500, 'max_allowed_in_request_queue': 5000,
    'send_buffer_watermark': 4 * 1024 * 1024, 'send_buffer_low_watermark': 1024 * 1024,
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.trackers = []
params.ti.clear_trackers() if hasattr(params.ti, 'clear_trackers') else None
params.save_path = folder
if mode == 'seed':
    params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)
if mode == 'get':
    handle.connect_peer(('127.0.0.1', int(sys.argv[4])))
else:
    while session.listen_port() == 0:
        time.sleep(0.01)
    print('READY', session.listen_port())
announced = False
while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_finished_alert) and mode == 'get' and not announced:
            announced = True
            print('DONE')
        if isinstance(alert, lt.torrent_error_alert):
            print('ERROR', alert.message())
            sys.exit(1)
