"""One libtorrent peer for the benchmarks: libtorrent-peer.py FILE.torrent FOLDER share|get|complete PORT [PEER_PORT...]

Plain TCP, no limits, no discovery; it meets its peers by their ports. READY when what is there has been hashed, DONE when
everything is there and verified: what it has not written then it writes when it is asked to end.

The settings are the fastest of what was tried (2 cores, 1 GiB, 1 MiB pieces; medians of three or four, each group in one run):

    as it comes, connecting at once                       wall 2.5 s   transfer 2.0 s   CPU 1.31 + 2.13
    tick_interval 100 instead of 500                      wall 2.1     transfer 1.9     (dials are made at a tick)
    all below, but ten threads for files in the seeder    wall 2.2     transfer 2.1     CPU 1.45 + 2.00
    all below, ten in the leecher                         wall 1.76    transfer 1.59    CPU 0.84 + 2.07
    all below                                             wall 1.72    transfer 1.55    CPU 0.89 + 2.00

Made no difference, or made it slower: pread instead of mmap (mmap_file_size_cutoff), write-through, two hashing threads,
longer disk queues (max_queued_disk_bytes), shorter request queues, lower send watermarks.
"""
import signal
import sys

import libtorrent as lt

torrent, folder, role, port, *peer_ports = sys.argv[1:]
session = lt.session({
    'listen_interfaces': '127.0.0.1:' + port,
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'allow_multiple_connections_per_ip': True,
    # never encrypted
    'out_enc_policy': 2, 'in_enc_policy': 2,
    'tick_interval': 100,
    'max_out_request_queue': 1500, 'max_allowed_in_request_queue': 5000,
    'send_buffer_watermark': 4 * 1024 * 1024, 'send_buffer_low_watermark': 1024 * 1024,
    'send_socket_buffer_size': 1024 * 1024, 'recv_socket_buffer_size': 1024 * 1024,
    'aio_threads': 1 if role == 'share' else 4,
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
# Else it waits to be started, or for a queue.
params.flags &= ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
# No trackers: these, which are none, and not those of the torrent.
params.flags |= lt.torrent_flags.override_trackers
handle = session.add_torrent(params)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    # It hears of a signal between two waits only.
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_checked_alert):
            print('READY', flush=True)
            for peer in peer_ports:
                handle.connect_peer(('127.0.0.1', int(peer)))
        elif isinstance(alert, lt.torrent_finished_alert) and role != 'share':
            print('DONE', flush=True)
        elif isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert, lt.listen_failed_alert)):
            print('ERROR', alert.message(), flush=True)
            sys.exit(1)
