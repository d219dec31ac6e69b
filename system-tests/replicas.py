#!/usr/bin/env python3
"""Counts lookups that reach VirusTotal and measures waits: many callers at once, replicas, Redis failing.

    cargo build --release
    python3 system-tests/replicas.py [--only NAME] [--seconds 70]

Needs Linux and redis-server. Everything listens on 127.0.0.1 and is stopped at the end. A server in Python plays
VirusTotal: it takes 300 ms for a report and records when each lookup arrived.

- `one`: 1,000 callers request the same report from one gateway at once.
- `leaving`: the same, and half of the callers hang up after 100 ms.
- `three`: 1,000 callers request the same report from three gateways that share a Redis.
- `minute`: 500 callers use three gateways that share a Redis and a quota of 40 lookups a minute, for 70 s.
- `away`: the same for 20 s; Redis is killed after 5 s.
- `faults`: two gateways share a Redis that is killed, started again, stopped for 10 s, and filled.

Exit status: 0; 1 if too many lookups reached VirusTotal, if a caller failed or waited too long; 2 if it can't be
measured.
"""

import asyncio
import collections
import contextlib
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.append(f"{sys.path[0]}/../benches")
import harness  # noqa: E402

CALLERS = 1000
UPSTREAM_SECONDS = 0.3
MOST_P99_MS = 400
# By default a gateway accepts 1,024 connections, and a quarter of them from one address.
FOR_ALL_CALLERS = {"MAX_CONNECTIONS": 4 * CALLERS}
A_MINUTE = 40
MOST_OVER_MS = 250
REPORT = json.dumps({"data": {"id": "x", "type": "file", "attributes": {"size": 68, "tags": ["x"] * 200}}}).encode()


# VirusTotal

def virustotal(port):
    """Serves reports after a delay; `/calls` returns the time and path of each call and clears the record."""
    calls = []

    async def answer(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                status, body = "200 OK", REPORT
                if path == "/calls":
                    body = json.dumps(calls).encode()
                    calls.clear()
                elif path.startswith("/api/v3/users/"):
                    status, body = "404 Not Found", b'{"error": {"code": "NotFoundError"}}'
                else:
                    calls.append((time.monotonic(), path))
                    await asyncio.sleep(UPSTREAM_SECONDS)
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()

    async def serve():
        server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=2048)
        async with server:
            await server.serve_forever()

    asyncio.run(serve())


def calls_of(port):
    """Returns the time and path of each lookup since the previous call."""
    status, _, body = harness.get(port, "/calls", {})
    assert status == 200
    return json.loads(body)


# Servers

class World:
    """A VirusTotal, gateways and optionally a Redis, all of which are stopped at the end of the `with` block."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.running = binary, directory, []
        self.redis = None
        self.upstream = harness.free_port()
        self.fake = multiprocessing.Process(target=virustotal, args=(self.upstream,), daemon=True)
        self.fake.start()
        harness.wait_for_port(self.upstream)

    def start_redis(self, port):
        """Starts a Redis on a port, for the gateways that are started afterwards."""
        self.redis = harness.start_redis(self.directory, port)
        self.redis_port = port

    def redis_says(self, *words):
        """Runs a command in Redis; returns the output of `redis-cli`."""
        order = ["redis-cli", "-p", str(self.redis_port), *words]
        return subprocess.run(order, capture_output=True, text=True, timeout=10).stdout.strip()

    def gateway(self, **settings):
        """Starts a gateway with these settings and waits until it is ready; returns its port."""
        port = harness.free_port()
        if self.redis:
            settings["REDIS_URL"] = f"redis://127.0.0.1:{self.redis_port}"
        # The default is 512 requests at once, a quarter of them of one key.
        defaults = {"LOG_LEVEL": "WARN", "MAX_IN_FLIGHT": 4096, "RATE_LIMIT_PER_MINUTE": 100_000}
        environment = harness.environment(port, self.upstream, **{**defaults, **settings})
        self.running.append(subprocess.Popen([self.binary], env=environment, cwd=self.directory))
        harness.wait_for_port(port)
        if self.redis:
            harness.wait_until(lambda: b'"degraded"' not in harness.get(port, "/readyz", {})[2])
        # The gateway asks for the key's quota on first use, which must not count as a lookup.
        harness.get(port, f"/api/v1/files/{'0' * 63}{len(self.running)}", {"X-API-Key": harness.KEY})
        calls_of(self.upstream)
        return port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.running, self.redis]:
            if process:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.fake.kill()
        self.fake.join()


# Callers

async def ask(streams, path, leave_after=None):
    """Sends a request on an open connection; returns its status and duration in ms, or `None` for both if it left."""
    reader, writer = streams
    began = time.monotonic()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {harness.KEY}\r\n\r\n".encode())
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), leave_after or 60)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length"))
        await reader.readexactly(length)
    except asyncio.TimeoutError:
        writer.close()
        return None, None
    return int(head.split(b" ")[1]), 1000 * (time.monotonic() - began)


async def all_at_once(ports, path, leaving=False):
    """Sends 1,000 requests at once on open connections; if `leaving`, every second caller hangs up."""
    streams = [await asyncio.open_connection("127.0.0.1", ports[at % len(ports)]) for at in range(CALLERS)]
    answers = await asyncio.gather(*(
        ask(stream, path, 0.1 if leaving and at % 2 else None) for at, stream in enumerate(streams)))
    for _, writer in streams:
        writer.close()
    return answers


def together(world, ports, leaving=False):
    """Sends 1,000 identical requests; returns whether one lookup was enough and callers did not wait too long."""
    path = "/api/v1/files/" + "ab" * 32
    answers = asyncio.run(all_at_once(ports, path, leaving))
    stayed = [(status, ms) for status, ms in answers if status]
    wrong = collections.Counter(status for status, _ in stayed if status != 200)
    p99 = harness.percentile([ms for _, ms in stayed], 0.99)
    lookups = len(calls_of(world.upstream))
    median = harness.percentile([ms for _, ms in stayed], 0.5)
    print(f"  {lookups} lookups for {CALLERS} callers, {CALLERS - len(stayed)} left; "
          f"median {median:.0f} ms, p99 {p99:.0f} ms; not 200: {dict(wrong)}")
    return lookups == 1 and not wrong and p99 < MOST_P99_MS


def one(world, _):
    """Runs 1,000 callers against one gateway."""
    return together(world, [world.gateway(**FOR_ALL_CALLERS)])


def leaving(world, _):
    """Runs 1,000 callers, half of which hang up, against one gateway."""
    return together(world, [world.gateway(**FOR_ALL_CALLERS)], leaving=True)


def three(world, _):
    """Runs 1,000 callers against three gateways."""
    world.start_redis(harness.free_port())
    return together(world, [world.gateway(**FOR_ALL_CALLERS) for _ in range(3)])


def flood(world, seconds, upset=None):
    """Repeats 500 lookups through three gateways; returns the most in a minute, and whether all answers are right."""
    world.start_redis(harness.free_port())
    settings = {"RATE_LIMIT_PER_MINUTE": A_MINUTE, "CACHE_MAX_BYTES": 0}
    ports = [world.gateway(**settings) for _ in range(3)]
    end = time.monotonic() + seconds

    async def caller(number):
        statuses = collections.Counter()
        streams = await asyncio.open_connection("127.0.0.1", ports[number % 3])
        while time.monotonic() < end:
            status, _ = await ask(streams, f"/api/v1/files/{number:064x}")
            statuses[status] += 1
            await asyncio.sleep(1)
        return statuses

    async def all_of_them():
        if upset:
            asyncio.get_running_loop().call_later(*upset)
        return sum(await asyncio.gather(*(caller(number) for number in range(500))), collections.Counter())

    statuses = asyncio.run(all_of_them())
    came = [when for when, _ in calls_of(world.upstream)]
    most = max(sum(1 for other in came if when <= other < when + 60) for when in came)
    print(f"  {len(came)} lookups in {seconds} s, at most {most} in any 60 s; statuses: {dict(statuses)}")
    return most, set(statuses) <= {200, 429}


def minute(world, seconds):
    """Runs 500 callers within the quota of a minute."""
    most, is_fine = flood(world, seconds)
    return is_fine and most <= A_MINUTE


def away(world, _):
    """Runs 500 callers, and kills Redis after 5 s."""
    most, is_fine = flood(world, 20, (5, lambda: world.redis.kill()))
    return is_fine and most <= A_MINUTE * 4


def faults(world, _):
    """Makes Redis fail in several ways under load; returns whether callers noticed nothing."""
    port = harness.free_port()
    world.start_redis(port)
    allowance = 2000
    ports = [world.gateway(RATE_LIMIT_PER_MINUTE=allowance) for _ in range(2)]
    slowest, statuses, phase, stop = collections.defaultdict(float), collections.Counter(), ["well"], asyncio.Event()
    loop_lag = [0.0]

    async def caller(number):
        streams = await asyncio.open_connection("127.0.0.1", ports[number % 2])
        asked = 0
        while not stop.is_set():
            # Every second lookup is one that no gateway has in its cache.
            asked += 1
            path = number * 1_000_000 + asked if asked % 2 else 7
            now = phase[0]
            status, ms = await ask(streams, f"/api/v1/files/{path:064x}")
            statuses[status] += 1
            slowest[now] = max(slowest[now], ms)
            await asyncio.sleep(0.2)

    async def upset():
        async def during(name, seconds, act=None):
            if act:
                await asyncio.to_thread(act)
            phase[0] = name
            await asyncio.sleep(seconds)

        def kill():
            world.redis.kill()
            world.redis.wait()

        await during("well", 4)
        await during("killed", 4, kill)
        await during("started again", 4, lambda: world.start_redis(port))
        await during("stopped", 10, lambda: world.redis.send_signal(signal.SIGSTOP))
        await during("going on", 4, lambda: world.redis.send_signal(signal.SIGCONT))
        await during("full", 4, lambda: world.redis_says("CONFIG", "SET", "maxmemory", "1"))
        await during("emptied", 4, lambda: world.redis_says("CONFIG", "SET", "maxmemory", "0"))
        stop.set()

    async def lag():
        while not stop.is_set():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            loop_lag[0] = max(loop_lag[0], 1000 * (time.monotonic() - began) - 10)

    async def all_of_them():
        await asyncio.gather(upset(), lag(), *(caller(number) for number in range(20)))

    asyncio.run(all_of_them())
    came = [when for when, _ in calls_of(world.upstream)]
    usual = slowest["well"]
    for name, ms in slowest.items():
        print(f"  {name}: slowest {ms:.0f} ms")
    print(f"  {len(came)} lookups; statuses: {dict(statuses)}; this script was late by {loop_lag[0]:.0f} ms at most")
    harness.wait_until(lambda: all(b'"degraded"' not in harness.get(it, "/readyz", {})[2] for it in ports))
    return set(statuses) == {200} and all(ms <= usual + MOST_OVER_MS for ms in slowest.values())


PARTS = {part.__name__: part for part in (one, leaving, three, minute, away, faults)}


def main():
    """Runs the parts; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--seconds", type=int, default=70, help="duration of `minute`")
    options = parser.parse_args()
    for tool in ("redis-server", "redis-cli"):
        harness.find(tool)
    binary = options.binary.resolve()
    if not binary.exists():
        raise harness.CannotMeasure(f"{binary} is not there: cargo build --release")
    failed = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            print(f"{name}:", flush=True)
            with tempfile.TemporaryDirectory() as directory, World(binary, directory) as world:
                if not part(world, options.seconds):
                    failed.append(name)
                    print("  MISSED")
    return 1 if failed else 0


if __name__ == "__main__":
    harness.run(main)
