#!/usr/bin/env python3
"""What lookups reach VirusTotal, and how long callers wait: many at once, through replicas, while Redis fails.

    cargo build --release
    python3 benches/replicas.py [--only NAME] [--seconds 70]

Needs Linux and redis-server. Everything listens on 127.0.0.1 and is stopped at the end. A server in Python plays
VirusTotal: it takes 300 ms for a report and notes when each lookup came.

- `one`: 1,000 callers ask one gateway for the same at once.
- `leaving`: the same, and half of them hang up after 100 ms.
- `three`: 1,000 callers ask three gateways on one Redis.
- `minute`: 500 callers ask three gateways on one Redis, which may spend 40 a minute between them, for 70 s.
- `away`: the same for 20 s, and Redis is killed after 5 of them.
- `faults`: two gateways on one Redis that is killed, started again, stopped for 10 s, and filled.

Exit status: 0; 1 if more reached VirusTotal than should, a caller failed, or it waited too long; 2 if it can't be
measured.
"""

import asyncio
import collections
import contextlib
import json
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import compare  # noqa: E402  (a neighbour: Python finds it beside this file)

CALLERS = 1000
UPSTREAM_SECONDS = 0.3
MOST_P99_MS = 400
A_MINUTE = 40
MOST_OVER_MS = 250
REPORT = json.dumps({"data": {"id": "x", "type": "file", "attributes": {"size": 68, "tags": ["x"] * 200}}}).encode()


# VirusTotal

def virustotal(port):
    """Answers reports after a while; `/calls` gives when each came, and forgets them."""
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
    """The lookups that came since the last time: when, and of what."""
    status, _, body = compare.get(port, "/calls", {})
    assert status == 200
    return json.loads(body)


# What is started

def wait_for_port(port):
    """Waits until somebody listens there."""
    def listens():
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0
    until(listens)


class World:
    """A VirusTotal, maybe a Redis, and gateways; all of it ends with the block."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.running = binary, directory, []
        self.redis = None
        self.upstream = compare.free_port()
        self.fake = multiprocessing.Process(target=virustotal, args=(self.upstream,), daemon=True)
        self.fake.start()
        wait_for_port(self.upstream)

    def start_redis(self, port):
        self.redis = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
            cwd=self.directory, stdout=subprocess.DEVNULL)
        wait_for_port(port)
        self.redis_port = port

    def redis_says(self, *words):
        """What `redis-cli` makes of this order."""
        order = ["redis-cli", "-p", str(self.redis_port), *words]
        return subprocess.run(order, capture_output=True, text=True, timeout=10).stdout.strip()

    def gateway(self, **settings):
        """The port of a gateway with these settings, which is ready."""
        port = compare.free_port()
        environment = {
            "VT4AI_PORT": str(port), "VT4AI_LOG_LEVEL": "WARN", **compare.NO_LIMITS,
            # By itself it answers 512 at once, a quarter of them of one key.
            "VT4AI_MAX_IN_FLIGHT": "4096",
            "VT4AI_UPSTREAM_URL": f"http://127.0.0.1:{self.upstream}", "VT4AI_RATE_LIMIT_PER_MINUTE": "100000",
            **settings,
        }
        if self.redis:
            environment["VT4AI_REDIS_URL"] = f"redis://127.0.0.1:{self.redis_port}"
        self.running.append(subprocess.Popen([self.binary], env=environment, cwd=self.directory))
        wait_for_port(port)
        if self.redis:
            until(lambda: b'"degraded"' not in compare.get(port, "/readyz", {})[2])
        # The key's quota is known from here on.
        compare.get(port, f"/api/v1/files/{'0' * 63}{len(self.running)}", {"X-API-Key": compare.KEY})
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


def until(done, seconds=20):
    """Waits for something that has to come."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise compare.CannotMeasure("what was waited for does not come")
        time.sleep(0.02)


# Callers

async def ask(streams, path, leave_after=None):
    """One request on an open connection: its status, and how many ms it took."""
    reader, writer = streams
    began = time.monotonic()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {compare.KEY}\r\n\r\n".encode())
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), leave_after or 60)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await reader.readexactly(length)
    except asyncio.TimeoutError:
        writer.close()
        return None, None
    return int(head.split(b" ")[1]), 1000 * (time.monotonic() - began)


async def all_at_once(ports, path, leaving=False):
    """1,000 callers on connections that are open; of each two one may leave."""
    streams = [await asyncio.open_connection("127.0.0.1", ports[at % len(ports)]) for at in range(CALLERS)]
    answers = await asyncio.gather(*(
        ask(stream, path, 0.1 if leaving and at % 2 else None) for at, stream in enumerate(streams)))
    for _, writer in streams:
        writer.close()
    return answers


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def together(world, ports, leaving=False):
    """How many lookups came of 1,000 identical ones, and how long callers waited."""
    path = "/api/v1/files/" + "ab" * 32
    answers = asyncio.run(all_at_once(ports, path, leaving))
    stayed = [(status, ms) for status, ms in answers if status]
    wrong = collections.Counter(status for status, _ in stayed if status != 200)
    p99 = percentile([ms for _, ms in stayed], 0.99)
    lookups = len(calls_of(world.upstream))
    print(f"  {lookups} lookup for {CALLERS} callers, {CALLERS - len(stayed)} left; "
          f"median {percentile([ms for _, ms in stayed], 0.5):.0f} ms, p99 {p99:.0f} ms; not 200: {dict(wrong)}")
    return lookups == 1 and not wrong and p99 < MOST_P99_MS


def one(world, _):
    return together(world, [world.gateway()])


def leaving(world, _):
    return together(world, [world.gateway()], leaving=True)


def three(world, _):
    world.start_redis(compare.free_port())
    return together(world, [world.gateway() for _ in range(3)])


def flood(world, seconds, upset=None):
    """500 lookups, each over and over, through three gateways: how many came at most in a minute, and what of them."""
    world.start_redis(compare.free_port())
    settings = {"VT4AI_RATE_LIMIT_PER_MINUTE": str(A_MINUTE), "VT4AI_CACHE_MAX_BYTES": "0"}
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
    most, is_fine = flood(world, seconds)
    return is_fine and most <= A_MINUTE


def away(world, _):
    most, is_fine = flood(world, 20, (5, lambda: world.redis.kill()))
    return is_fine and most <= A_MINUTE * 4


def faults(world, _):
    """Redis comes and goes under load: what callers see of it, and what is spent meanwhile."""
    port = compare.free_port()
    world.start_redis(port)
    allowance = 2000
    ports = [world.gateway(VT4AI_RATE_LIMIT_PER_MINUTE=str(allowance)) for _ in range(2)]
    slowest, statuses, phase, stop = collections.defaultdict(float), collections.Counter(), ["well"], asyncio.Event()
    loop_lag = [0.0]

    async def caller(number):
        streams = await asyncio.open_connection("127.0.0.1", ports[number % 2])
        asked = 0
        while not stop.is_set():
            # Half of them are new to everybody.
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
    print(f"  {len(came)} lookups; statuses: {dict(statuses)}; this script itself was late by {loop_lag[0]:.0f} ms at most")
    until(lambda: all(b'"degraded"' not in compare.get(it, "/readyz", {})[2] for it in ports))
    return set(statuses) == {200} and all(ms <= usual + MOST_OVER_MS for ms in slowest.values())


PARTS = {part.__name__: part for part in (one, leaving, three, minute, away, faults)}


def main():
    """Runs the parts; the exit status."""
    parser = compare.command_line(__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--seconds", type=int, default=70, help="of `minute`")
    options = parser.parse_args()
    for tool in ("redis-server", "redis-cli"):
        if not shutil.which(tool):
            raise compare.CannotMeasure(f"{tool} is not installed")
    binary = options.binary.resolve()
    if not binary.exists():
        raise compare.CannotMeasure(f"{binary} is not there: cargo build --release")
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
    compare.run(main)
