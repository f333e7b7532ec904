"""Stands in for a syslog daemon: takes what is sent to /dev/log and writes it to a file.

For machines without one, where the program `logger`, which the scripts of
getlino use, would fail. A socket that nobody reads is replaced.
``syslog_sink.py FILE`` runs until it is killed.
"""

import os
import signal
import socket
import sys

ADDRESS = "/dev/log"


def is_read():
    """Says whether somebody reads it; one that was killed leaves the socket behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(ADDRESS)
        except ConnectionRefusedError:
            return False
        except FileNotFoundError:
            return False  # A link to nothing.
        return True


def main(path):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sink:
        if os.path.lexists(ADDRESS) and not is_read():
            os.unlink(ADDRESS)
        sink.bind(ADDRESS)
        os.chmod(ADDRESS, 0o666)
        try:
            with open(path, "ab", buffering=0) as log:
                while True:
                    log.write(sink.recv(65536).rstrip(b"\n\0") + b"\n")
        finally:
            os.unlink(ADDRESS)


main(sys.argv[1])
