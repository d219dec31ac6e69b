#!/usr/bin/env python3
"""Opens 10,000 connections that send half a request head, and measures the effect on normal clients.

    cargo build --release
    python3 system-tests/half_heads.py

Needs Linux, and 12,000 file descriptors. Everything listens on 127.0.0.1 and is stopped at the end.

The gateway runs with its default limits: at most 1,024 connections, of which the oldest without a complete head is
closed first, and 10 s for a head. One process opens all 10,000 connections as fast as it can, from eight local
addresses, and records when each is closed. Two normal clients, each in a process of its own, request a cached report
every 10 ms: one on a persistent connection, one on a new connection each time. Their requests count from the opening of
the first of the 10,000 connections to the closing of the last.

Exit status: 0; 1 if a connection is open for more than 10 s, if a request of a normal client failed, or if 1 % of its
requests took 50 ms or longer; 2 if it can't be measured.
"""

import http.client
import itertools
import multiprocessing
import resource
import selectors
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(f"{sys.path[0]}/../benches")
import harness  # noqa: E402
import replicas  # noqa: E402

MANY = 10_000
MOST_SECONDS = 10
MOST_P99_MS = 50
ASK_EVERY_SECONDS = 0.01
PATH = f"/api/v1/files/{'5f' * 32}"
HALF = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-K".encode()


# The flood

def open_one(port, number):
    """Starts connecting from one of eight addresses; returns the socket."""
    attempt = socket.socket()
    attempt.setblocking(False)
    attempt.bind((f"127.0.0.{2 + number % 8}", 0))
    attempt.connect_ex(("127.0.0.1", port))
    return attempt


def flood(port, pipe):
    """Opens all connections and sends half a head on each; reports when that was and how long each stayed open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, MANY + 1000), limit))
    selector, sent, seconds = selectors.EpollSelector(), {}, []
    began, opened = time.monotonic(), None
    waiting = (open_one(port, number) for number in range(MANY))
    while len(seconds) < MANY and time.monotonic() < began + 60:
        # Some at a time, so that a closed connection is noticed soon.
        some = list(itertools.islice(waiting, 50))
        for attempt in some:
            selector.register(attempt, selectors.EVENT_WRITE)
        for key, events in selector.select(0 if some else 1):
            if events & selectors.EVENT_WRITE:
                selector.modify(key.fileobj, selectors.EVENT_READ)
                sent[key.fileobj] = time.monotonic()
                send_half(key.fileobj)
                opened = time.monotonic() if len(sent) == MANY else opened
            else:
                seconds.append(time.monotonic() - sent[key.fileobj])
                selector.unregister(key.fileobj)
                key.fileobj.close()
    pipe.send((began, opened, time.monotonic(), seconds))


def send_half(connection):
    """Sends half a head. A connection that is closed already is noticed when it is read."""
    try:
        connection.send(HALF)
    except OSError:
        pass


# Normal clients

def ask_on(connection):
    """Sends one request; returns whether the answer is right."""
    connection.request("GET", PATH, headers={"X-API-Key": harness.KEY})
    answer = connection.getresponse()
    return answer.status == 200 and len(answer.read()) > 0


def client(port, stays, pipe):
    """Sends a request every 10 ms until told to stop; reports the start, duration and success of each."""
    asked, connection = [], None
    while not pipe.poll(ASK_EVERY_SECONDS):
        began, is_fine = time.monotonic(), False
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            is_fine = ask_on(connection)
        except (OSError, http.client.HTTPException):
            pass
        asked.append((began, 1000 * (time.monotonic() - began), is_fine))
        if not (stays and is_fine):
            connection.close()
            connection = None
    pipe.send(asked)


def start(target, *arguments):
    """Starts a function in a process of its own; returns the process and a pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    return process, ours


def judge(name, asked, began, opened, ended):
    """Prints the latencies of a normal client; returns whether they are within bounds."""
    during = [(ms, is_fine) for when, ms, is_fine in asked if began <= when <= ended]
    times = [ms for ms, _ in during]
    opening = [ms for when, ms, _ in asked if began <= when <= opened]
    failed = sum(not is_fine for _, is_fine in during)
    p99 = harness.percentile(times, 0.99)
    print(f"{name}: {len(during)} requests, {failed} failed; median {statistics.median(times):.1f} ms, "
          f"p99 {p99:.1f} ms, slowest {max(times):.1f} ms; while the connections were opened "
          f"p99 {harness.percentile(opening, 0.99):.1f} ms of {len(opening)}")
    return not failed and p99 < MOST_P99_MS


def main():
    """Measures and judges; returns the exit status."""
    options = harness.command_line(__doc__).parse_args()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < MANY + 1000:
        raise harness.CannotMeasure(f"a process may not open {MANY + 1000} files (ulimit -Hn)")
    with harness.workplace() as (directory, stack), replicas.World(options.binary.resolve(), directory) as world:
        port = world.gateway()
        harness.get(port, PATH, {"X-API-Key": harness.KEY})
        clients = {"a persistent connection": start(client, port, True),
                   "a new connection each time": start(client, port, False)}
        for process, _ in clients.values():
            stack.callback(process.kill)
        time.sleep(1)
        flooding, pipe = start(flood, port)
        stack.callback(flooding.kill)
        if not pipe.poll(90):
            raise harness.CannotMeasure("the connections were not closed within 90 s")
        began, opened, ended, seconds = pipe.recv()
        good = opened is not None and len(seconds) == MANY and max(seconds) <= MOST_SECONDS
        print(f"{len(seconds)} of {MANY} connections with half a head were closed, the last {max(seconds):.2f} s "
              f"after it, half of them within {statistics.median(seconds):.2f} s; all were open "
              f"{(opened or ended) - began:.2f} s after the first")
        for name, (_, pipe) in clients.items():
            pipe.send("enough")
            good = judge(name, pipe.recv(), began, opened or ended, ended) and good
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    harness.run(main)
