"""What libtorrent reads in a torrent, and what it would make of the same files itself: libtorrent-read.py FILE.torrent CONTENT"""
import json
import os
import sys

import libtorrent as lt

file, content = sys.argv[1:]
info = lt.torrent_info(file)  # checks the piece layers against the roots


def described(info):
    files = info.files()
    hashes = info.info_hashes()
    roots = {}
    for index in range(files.num_files()):
        if not files.file_flags(index) & lt.file_storage.flag_pad_file and files.file_size(index) > 0:
            roots[files.file_path(index)] = str(files.root(index))
    return {'v1': str(hashes.v1), 'v2': str(hashes.v2), 'roots': roots}


storage = lt.file_storage()
lt.add_files(storage, content)
creator = lt.create_torrent(storage, info.piece_length(), 0)
lt.set_piece_hashes(creator, os.path.dirname(content))
own = lt.torrent_info(creator.generate())
print(json.dumps({'read': described(info), 'own': described(own)}))
