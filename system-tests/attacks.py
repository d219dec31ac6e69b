#!/usr/bin/env python3
"""Attacks from one address, and how an honest caller from another fares meanwhile.

    cargo build --release
    python3 system-tests/attacks.py [--seconds 10] [--only queue,documents]

Needs Linux and nginx. Everything listens on 127.0.0.1 and is stopped at the end. The attackers connect from 127.0.0.1;
the honest caller connects from 127.0.0.2, and asks for `/livez`, for a kept report and for a new one in turn, every
20 ms, on a connection that it keeps; where there are four lookups a minute, not for new ones. Each attack has a gateway of its own, with a cache of 64 MB, whose reports come
from nginx.

Exit status: 0; 1 if an honest request failed, if one of a hundred of them took 250 ms, or if the gateway held 200 MB;
2 if it can't be measured.
"""

import contextlib
import gzip
import http.client
import itertools
import multiprocessing
import pathlib
import resource
import secrets
import selectors
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "benches"))
import compare  # noqa: E402  (neighbours: the folder was added above)
import harness  # noqa: E402

MOST_P99_MS = 250
MOST_MB = 200
ASK_EVERY_SECONDS = 0.02
KEPT = "/api/v1/files/" + "5f" * 32
HONEST = {"X-API-Key": harness.KEY}
# Three documents of 31 MB that cost most as Markdown and XML.
HOSTILE = {
    "lines": b'{"data":{"attributes":{"a":' + b"[" * 100 + b'"' + rb"x\n" * 10_300_000 + b'"' + b"]" * 100 + b"}}}",
    "objects": b'{"data":{"attributes":{"a":[' + b'{"":0},' * 4_400_000 + b"0]}}}",
    "numbers": b'{"data":{"attributes":{"a":[' + b"0," * 15_500_000 + b"0]}}}",
}


# HTTP/2, as little of it as it takes

def frame(kind, flags, stream, payload=b""):
    """A frame (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def text(value):
    """A string without Huffman coding (RFC 7541, 5.2)."""
    return bytes([len(value)]) + value


def get(stream, path):
    """A request without a body, its headers as literals that are not indexed."""
    fields = {b":method": b"GET", b":scheme": b"http", b":authority": b"127.0.0.1", b":path": path,
              b"accept-encoding": b"gzip"}
    block = b"".join(b"\x00" + text(name) + text(value) for name, value in fields.items())
    return frame(1, 5, stream, block)


def preface(window):
    """The start of a connection whose streams may each be sent so many bytes at first."""
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"\x00\x04" + window.to_bytes(4, "big"))


# Attackers: each goes on until it is killed.

def connect(port):
    """A connection from the attackers' address; it does not block once it is there."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=("127.0.0.1", 0))
    connection.setblocking(False)
    return connection


def hold(port, many, first, more=lambda number: b"", every=1.0):
    """Keeps this many connections open: each says `first`, then `more` now and then; answers are not read."""
    kept, number = [], 0
    while True:
        while len(kept) < many:
            with contextlib.suppress(OSError):
                connection = connect(port)
                connection.send(first)
                kept.append(connection)
                continue
            break
        time.sleep(every)
        number += 1
        alive = []
        for connection in kept:
            try:
                connection.send(more(number) or b"")
                if is_open(connection):
                    alive.append(connection)
                    continue
            except BlockingIOError:
                alive.append(connection)
                continue
            except OSError:
                pass
            connection.close()
        kept = alive


def is_open(connection):
    """Whether the other side has not closed; nothing is taken."""
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True


def windows(port, _):
    """Streams whose windows are shut, pings to look alive."""
    hold(port, 1024, preface(0) + get(1, b"/livez"), lambda number: frame(6, 0, 0, number.to_bytes(8, "big")))


def streams(port, _):
    """60 connections of 100 streams each on the largest thing that takes no key, a byte at a time."""
    requests = b"".join(get(2 * number + 1, b"/docs/swagger-ui-bundle.js") for number in range(100))
    hold(port, 60, preface(1) + requests)


def pipelines(port, _):
    """1,024 connections with 30 requests each, whose answers are not read."""
    one = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"
    hold(port, 1024, one * 30)


def uploads(port, _):
    """512 uploads with made-up keys that do not get on."""
    def head():
        return (f"POST /api/v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {secrets.token_hex(32)}\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n").encode()
    hold(port, 512, head(), lambda number: b"x" if number % 3 == 0 else b"")


def waits(port, _):
    """540 callers that wait five minutes for a unit of one key."""
    hold(port, 540, request(f"/api/v1/files/{secrets.token_hex(31)}ff?wait=5m", "attackers-key"))


def request(path, key):
    """A request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n\r\n".encode()


def hang_ups(port, _):
    """1,500 new reports at a time, all given up after four milliseconds."""
    while True:
        some = []
        for _ in range(100):
            with contextlib.suppress(OSError):
                some.append(connect(port))
                some[-1].send(request(f"/api/v1/files/{secrets.token_hex(31)}ff", "attackers-key"))
        time.sleep(0.004)
        for connection in some:
            connection.close()


def ask_again_and_again(port, make):
    """Sends what `make` makes, on a connection that is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=("127.0.0.1", 0))
    while True:
        try:
            path, key = make()
            connection.request("GET", path, headers={"X-API-Key": key})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()


def keys(port, _):
    """A made-up key for each request."""
    ask_again_and_again(port, lambda: (KEPT, secrets.token_hex(32)))


def views(port, _):
    """New reports of one key in all forms."""
    forms = itertools.cycle(["json", "markdown", "xml", "raw"])
    ask_again_and_again(port, lambda: (f"/api/v1/files/{secrets.token_hex(31)}ff?format={next(forms)}",
                                       "attackers-key"))


def documents(port, _):
    """Hostile documents as Markdown and XML, asked for anew each time."""
    forms = itertools.cycle(itertools.product(range(len(HOSTILE)), ["markdown", "xml"]))

    def make():
        number, form = next(forms)
        return f"/api/v1/files/{secrets.token_hex(31)}0{number}?format={form}", "attackers-key"
    ask_again_and_again(port, make)


def half_heads(port, _):
    """1,400 connections with half a head; the gateway may open 1,024 files."""
    hold(port, 1400, b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-K")


# The attack, the number of its processes, and the settings of the gateway.
ATTACKS = {
    "windows": (windows, 1, {}),
    "streams": (streams, 1, {}),
    "pipelines": (pipelines, 1, {}),
    "uploads": (uploads, 1, {"ALLOW_SUBMISSIONS": "true"}),
    "waits": (waits, 1, {"RATE_LIMIT_PER_MINUTE": "4"}),
    "hang_ups": (hang_ups, 1, {"MAX_IN_FLIGHT": "16"}),
    "waits_for_all": (waits, 2, {"RATE_LIMIT_PER_MINUTE": "600"}),
    "keys": (keys, 2, {}),
    "views": (views, 2, {"CACHE_MAX_BYTES": "8388608"}),
    "documents": (documents, 4, {}),
    "half_heads": (half_heads, 1, {}),
}


def upstream(port, directory):
    """A VirusTotal that knows two keys and has hostile documents among its reports."""
    refusal = '{"error":{"code":"WrongCredentialsError","message":"Wrong API key"}}'
    known = f"if ($http_x_apikey !~ ^({harness.KEY}|attackers-key)$) {{ return 401 '{refusal}'; }}"
    documents = "".join(f"location ~ ^/api/v3/files/.*0{number}$ {{ try_files /{name}.json =404; }}"
                        for number, name in enumerate(HOSTILE))
    server = compare.virustotal(port, directory)
    return server.replace("location /api/v3/files/", known + documents + "location /api/v3/files/")


def honest(port, has_quota, pipe):
    """Asks until told to stop; sends how long each request took, and the failures."""
    times, failures, connection, made = [], [], None, 0
    while not pipe.poll(ASK_EVERY_SECONDS):
        made += 1
        new = f"/api/v1/files/{secrets.token_hex(31)}ff"
        path = ["/livez", KEPT, new][made % (3 if has_quota else 2)]
        began, failed = time.monotonic(), None
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20,
                                                                  source_address=("127.0.0.2", 0))
            connection.request("GET", path, headers=HONEST)
            answer = connection.getresponse()
            body = answer.read()
            failed = None if answer.status == 200 else f"{path}: {answer.status} {body[:120]!r}"
        except (OSError, http.client.HTTPException) as error:
            failed = f"{path}: {error!r}"
            connection.close()
            connection = None
        times.append(1000 * (time.monotonic() - began))
        if failed:
            failures.append(failed)
    pipe.send((times, failures))


def start(stack, target, *arguments):
    """Starts a process that the stack kills."""
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments, daemon=True)
    process.start()
    stack.callback(process.kill)


def measure(name, options, directory, vt):
    """Measures one attack and prints what an honest caller noticed; whether that is within bounds."""
    attack, processes, settings = ATTACKS[name]
    with contextlib.ExitStack() as stack:
        pid, port = compare.start_gateway(stack, options, directory, compare.two_cores(), vt,
                                          **{"CACHE_MAX_BYTES": "67108864", **settings})
        harness.get(port, KEPT, HONEST)
        ours, theirs = multiprocessing.Pipe()
        for _ in range(processes):
            start(stack, attack, port, None)
        time.sleep(1)
        start(stack, honest, port, settings.get("RATE_LIMIT_PER_MINUTE") != "4", theirs)
        peak, until = 0, time.monotonic() + options.seconds
        while time.monotonic() < until:
            peak = max(peak, harness.resident_mb(pid))
            time.sleep(0.05)
        ours.send("enough")
        times, failures = ours.recv()
    times.sort()
    p99 = times[int(0.99 * (len(times) - 1))]
    print(f"{name}: {len(times)} requests, {len(failures)} failed; median {times[len(times) // 2]:.1f} ms, "
          f"p99 {p99:.1f} ms, slowest {times[-1]:.1f} ms; at most {peak:.0f} MB", flush=True)
    for failure in failures[:3]:
        print(f"  {failure}")
    return not failures and p99 < MOST_P99_MS and peak < MOST_MB


def main():
    """Measures and judges; the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="that each attack lasts")
    parser.add_argument("--only", type=lambda names: names.split(","), default=list(ATTACKS), help="of the attacks")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with harness.workplace() as (directory, stack):
        report = compare.file_report("5f" * 32)
        for name, body in {"report": report, **HOSTILE}.items():
            (directory / f"{name}.json").write_bytes(body)
            (directory / f"{name}.json.gz").write_bytes(gzip.compress(body, 6))
        vt = harness.free_port()
        compare.start_nginx(stack, directory, "upstream", compare.two_cores(), upstream(vt, directory), vt)
        good = [measure(name, options, directory, vt) for name in options.only]
    print("PASS" if all(good) else "FAIL")
    return 0 if all(good) else 1


if __name__ == "__main__":
    harness.run(main)
