"""500 lookups of 100 distinct files by 10 clients of vt-py, where 40 lookups a minute are allowed."""

import collections
import concurrent.futures
import json
import random
import sys
import time

import vt

from drop_in.gateway import gateway
from drop_in.server import server

CLIENTS, LOOKUPS, FILES, A_MINUTE = 10, 500, 100, 40
JSON = {"Content-Type": "application/json"}


def answer(_method, path, _headers, _body):
    report = {"id": path.rsplit("/", 1)[1], "type": "file", "attributes": {"size": 1}}
    return 200, JSON, json.dumps({"data": report}).encode()


def look_up(host, hashes):
    """One client's lookups, one after the other."""
    with vt.Client("a-key-of-the-team", host=host) as client:
        for digest in hashes:
            assert client.get_object(f"/files/{digest}").id == digest
    return len(hashes)


def main():
    hashes = [f"{n:064x}" for n in range(FILES)] * (LOOKUPS // FILES)
    random.Random(1).shuffle(hashes)
    shares = [hashes[n::CLIENTS] for n in range(CLIENTS)]
    flags = ["--rate-limit-per-minute", str(A_MINUTE), "--rate-limit-per-day", "0", "--rate-limit-per-month", "0"]
    with server(answer) as upstream, gateway("--upstream-url", upstream.url, *flags) as host:
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            done = sum(pool.map(look_up, [host] * CLIENTS, shares))
        took = time.monotonic() - began
        calls = collections.Counter(path for _, path, _, _ in upstream.took())
    assert done == LOOKUPS and sum(calls.values()) == FILES, (done, calls)
    # The first 40 at once, the next after 61 s, the last after 122 s.
    least = 61 * ((FILES - 1) // A_MINUTE)
    assert took < least + 15, took
    print(f"{done} lookups, {sum(calls.values())} units, {took:.0f} s of at least {least}")


if __name__ == "__main__":
    sys.exit(main())
