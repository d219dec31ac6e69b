"""A download of 500 MB by the real vt-py, while which the gateway's memory may grow by 2 MB."""

import hashlib
import pathlib
import sys

import vt

from drop_in.gateway import gateway, without_limits
from drop_in.server import server

BINARY = {"Content-Type": "application/octet-stream"}
LARGE = bytes(range(256)) * 2_000_000
# The first download fills what a runtime keeps: threads, connections, buffers.
FIRST = LARGE[:20_000_000]
MOST_GROWTH = 2_000_000


def answer(_method, path, _headers, _body):
    return 200, BINARY, FIRST if "first" in path else LARGE


class Sink:
    """A file that keeps nothing but its digest, and looks at the gateway's memory meanwhile."""

    def __init__(self, pid):
        self.pid, self.digest, self.length, self.most = pid, hashlib.sha256(), 0, 0

    def write(self, piece):
        self.digest.update(piece)
        self.length += len(piece)
        self.most = max(self.most, resident(self.pid))


def resident(pid):
    """The memory of a process, in bytes."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


def main():
    with server(answer) as upstream, gateway(*without_limits(upstream.url)) as host:
        with vt.Client("a-key", host=host) as client:
            client.download_file("first", Sink(host.pid))
            before, sink = resident(host.pid), Sink(host.pid)
            client.download_file("large", sink)
    growth = sink.most - before
    assert sink.length == len(LARGE) and sink.digest.digest() == hashlib.sha256(LARGE).digest()
    assert growth <= MOST_GROWTH, growth
    print(f"{sink.length / 1e6:.0f} MB passed, and the gateway's memory grew by {growth / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
