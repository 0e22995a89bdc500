"""Makes a torrent with libtorrent: libtorrent-create.py CONTENT FILE.torrent padded|hybrid TRACKER"""
import os
import sys

import libtorrent as lt

content, target, form, tracker = sys.argv[1:]
flags = {'hybrid': 0, 'padded': lt.create_torrent.v1_only | lt.create_torrent.canonical_files}[form]
storage = lt.file_storage()
lt.add_files(storage, content)
creator = lt.create_torrent(storage, 65536, flags)
creator.add_tracker(tracker)
lt.set_piece_hashes(creator, os.path.dirname(content))
with open(target, 'wb') as file:
    file.write(lt.bencode(creator.generate()))
