#!/usr/bin/env python3
"""10,000 connections that send half a head: how soon each is closed, and what a normal client notices of them.

    cargo build --release
    python3 benches/half_heads.py

Needs Linux, and 12,000 file descriptors. Everything listens on 127.0.0.1 and is stopped at the end.

The gateway is as it comes: 1,024 connections at most, of which the oldest without a whole head makes room, and 10 s for
a head. A process of its own opens all 10,000 as fast as it can, from eight addresses of this machine, and notes when
each is closed. Two normal clients, each in a process of its own, ask for a cached report meanwhile, every 10 ms: one on
a connection that stays, one on a new connection each time. What they measure counts from the first of the 10,000 to the
end of the last one.

Exit status: 0; 1 if a connection is open for more than 10 s, or a normal client failed, or 1 of 100 of its requests took
50 ms; 2 if it can't be measured.
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
import compare  # noqa: E402  (neighbours: Python finds them beside this file)
import replicas  # noqa: E402

MANY = 10_000
MOST_SECONDS = 10
MOST_P99_MS = 50
ASK_EVERY_SECONDS = 0.01
PATH = f"/api/v1/files/{'5f' * 32}"
HALF = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-K".encode()


# The flood

def open_one(port, number):
    """A connection that is being made, from one of eight addresses."""
    attempt = socket.socket()
    attempt.setblocking(False)
    attempt.bind((f"127.0.0.{2 + number % 8}", 0))
    attempt.connect_ex(("127.0.0.1", port))
    return attempt


def flood(port, pipe):
    """Opens all of them and sends half a head on each; sends when that was, and how long each was open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, MANY + 1000), limit))
    selector, sent, seconds = selectors.EpollSelector(), {}, []
    began, opened = time.monotonic(), None
    waiting = (open_one(port, number) for number in range(MANY))
    while len(seconds) < MANY and time.monotonic() < began + 60:
        # Some at a time, so that what is closed meanwhile is seen in time.
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
    """Half a head; whether it was closed before shows when it is read."""
    try:
        connection.send(HALF)
    except OSError:
        pass


# Normal clients

def ask_on(connection):
    """One request; whether it was answered as it should be."""
    connection.request("GET", PATH, headers={"X-API-Key": compare.KEY})
    answer = connection.getresponse()
    return answer.status == 200 and len(answer.read()) > 0


def client(port, stays, pipe):
    """Asks every 10 ms until told to stop; sends when each request began, how long it took, and whether it failed."""
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
    """A process of its own, and the pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    return process, ours


def judge(name, asked, began, opened, ended):
    """Prints what a normal client noticed; whether that is within bounds."""
    during = [(ms, is_fine) for when, ms, is_fine in asked if began <= when <= ended]
    times = [ms for ms, _ in during]
    opening = [ms for when, ms, _ in asked if began <= when <= opened]
    failed = sum(not is_fine for _, is_fine in during)
    p99 = replicas.percentile(times, 0.99)
    print(f"{name}: {len(during)} requests, {failed} failed; median {statistics.median(times):.1f} ms, "
          f"p99 {p99:.1f} ms, slowest {max(times):.1f} ms; while the connections were opened "
          f"p99 {replicas.percentile(opening, 0.99):.1f} ms of {len(opening)}")
    return not failed and p99 < MOST_P99_MS


def main():
    """Measures and judges; the exit status."""
    options = compare.command_line(__doc__).parse_args()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < MANY + 1000:
        raise compare.CannotMeasure(f"a process may not open {MANY + 1000} files (ulimit -Hn)")
    with compare.workplace() as (directory, stack), replicas.World(options.binary.resolve(), directory) as world:
        port = world.gateway()
        compare.get(port, PATH, {"X-API-Key": compare.KEY})
        clients = {"a connection that stays": start(client, port, True),
                   "a new one each time": start(client, port, False)}
        for process, _ in clients.values():
            stack.callback(process.kill)
        time.sleep(1)
        flooding, pipe = start(flood, port)
        stack.callback(flooding.kill)
        if not pipe.poll(90):
            raise compare.CannotMeasure("the flood does not end")
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
    compare.run(main)
