"""Makes a torrent (v1) with libtorrent: libtorrent-create.py CONTENT FILE.torrent PIECE_LENGTH"""
import os
import sys

import libtorrent as lt

content, target, piece_length = sys.argv[1:]
storage = lt.file_storage()
lt.add_files(storage, content)
creator = lt.create_torrent(storage, int(piece_length), lt.create_torrent.v1_only)
lt.set_piece_hashes(creator, os.path.dirname(content))
with open(target, 'wb') as file:
    file.write(lt.bencode(creator.generate()))
