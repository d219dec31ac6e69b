#!/usr/bin/env python3
"""Kills a gateway with a cache on disk at random moments under load, and checks what it finds after each restart.

    cargo build --release
    python3 system-tests/kills.py [--kills 100] [--max-bytes 1073741824]

Needs Linux. Everything listens on 127.0.0.1 and is stopped at the end.

Sixteen clients ask for the reports of files, by three hashes each, and comment on some. Each comment that the fake
VirusTotal accepts counts the version of its file up by one. After 0.2 to 2 s the gateway gets SIGKILL. Then
`PRAGMA integrity_check` is run on the file, the gateway is started again on the same directory, and every report that
a client had received is asked for once more.

Exit status: 0; 1 if the gateway did not start within 5 s, the file was damaged or set aside, an answer was of another
file or older than a comment that was answered, an answer that was received more than a second before the kill was
lost, or the files were larger than their bound; 2 if it can't be measured.
"""

import asyncio
import collections
import contextlib
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(f"{sys.path[0]}/../benches")
import callers  # noqa: E402
import harness  # noqa: E402

CLIENTS = 16
COMMENTS = 0.03
# The time in which answers may be lost.
LOSS_SECONDS = 1.0


class VirusTotal:
    """A fake VirusTotal with files that have three hashes, and a version that comments count up."""

    def __init__(self, dice):
        self.versions, self.calls, self.port = collections.Counter(), 0, 0
        self.noise = "".join(dice.choices("0123456789abcdef", k=6000))

    async def start(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        """Answers the calls of one connection."""
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                await reader.readexactly(int(fields.get("content-length", 0)))
                body = json.dumps(self.answer(method, path)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                             % (len(body), body))
                await writer.drain()
        writer.close()

    def answer(self, method, path):
        """Returns the answer to a call."""
        if "/users/" in path:
            return {"data": {"id": "x", "type": "user", "attributes": {}}}
        self.calls += 1
        number = number_of(path.split("/")[4])
        if method == "POST":
            self.versions[number] += 1
            return {"data": {"type": "comment", "id": f"f-{hashes(number)[0]}-{self.versions[number]:08x}"}}
        sha256, sha1, md5 = hashes(number)
        start = number % 1000
        attributes = {"sha256": sha256, "sha1": sha1, "md5": md5, "size": self.versions[number],
                      "noise": self.noise[start:start + 4000]}
        return {"data": {"type": "file", "id": sha256, "attributes": attributes}}


def hashes(number):
    """Returns the hashes of a file."""
    return [f"{number:0{length}x}" for length in (64, 40, 32)]


def number_of(digest):
    """Returns the file with this hash."""
    return int(digest, 16)


class Gateway:
    """A gateway that can be killed and started again on the same directory."""

    def __init__(self, stack, options, directory, virustotal):
        self.binary, self.directory, self.port = options.binary.resolve(), directory, harness.free_port()
        self.environment = harness.environment(
            self.port, virustotal, CACHE_DIR=directory / "cache", CACHE_DISK_MAX_BYTES=options.max_bytes,
            ALLOW_SUBMISSIONS="true", LOG_LEVEL="WARN")
        self.process = None
        stack.callback(lambda: self.process and harness.stop(self.process))

    async def start(self):
        """Starts the gateway; returns the seconds until it is ready."""
        began = time.monotonic()
        self.process = subprocess.Popen([self.binary], cwd=self.directory, env=self.environment,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        while time.monotonic() < began + 20 and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if (await asyncio.to_thread(harness.get, self.port, "/livez"))[0] == 200:
                    return time.monotonic() - began
            await asyncio.sleep(0.01)
        raise harness.CannotMeasure("the gateway does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Round:
    """The answers that clients have received: the time and version of each report, and the version after each comment."""

    def __init__(self, virustotal, dice, files):
        self.virustotal, self.dice, self.files = virustotal, dice, files
        self.received, self.commented, self.wrong = {}, {}, []
        self.counts = collections.Counter()

    async def load(self, port):
        """Asks on one connection until the gateway is gone."""
        with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                number = self.dice.randrange(self.files)
                digest = self.dice.choice(hashes(number))
                if self.dice.random() < COMMENTS:
                    await self.comment(reader, writer, digest)
                else:
                    await self.ask(reader, writer, digest)

    async def ask(self, reader, writer, digest):
        """Asks for a report and checks it; returns whether it was kept."""
        least = self.commented.get(number_of(digest), 0)
        writer.write(f"GET /api/v1/files/{digest}?view=full HTTP/1.1\r\nHost: x\r\n"
                     f"X-API-Key: {harness.KEY}\r\n\r\n".encode())
        answer = await callers.read_answer(reader)
        number = number_of(digest)
        self.counts["reports"] += 1
        if answer.status != 200:
            self.wrong.append(f"{answer.status} {answer.body[:200]!r}")
            return False
        data = json.loads(answer.body)["data"]
        if data["sha256"] != hashes(number)[0]:
            self.wrong.append("a report of another file")
        version = data["size"]
        if not least <= version <= self.virustotal.versions[number]:
            self.wrong.append(f"version {version} of {digest}, where {least} was answered")
        self.received[digest] = time.monotonic(), version
        return answer.fields["x-cache"] == "HIT"

    async def comment(self, reader, writer, digest):
        """Comments on a file."""
        body = b'{"text": "a comment"}'
        writer.write(f"POST /api/v1/files/{digest}/comments HTTP/1.1\r\nHost: x\r\nX-API-Key: {harness.KEY}\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await callers.read_answer(reader)
        self.counts["comments"] += 1
        if answer.status != 200:
            self.wrong.append(f"{answer.status} {answer.body[:200]!r}")
            return
        number, version = number_of(digest), int(json.loads(answer.body)["data"]["id"].rsplit("-", 1)[1], 16)
        self.commented[number] = max(self.commented.get(number, 0), version)


def check_file(directory):
    """Returns the faults of the file, and the bytes of all files."""
    faults = [path.name for path in directory.glob("*.damaged-*")]
    files = sum(path.stat().st_size for path in directory.iterdir())
    with contextlib.closing(sqlite3.connect(directory / "answers.db")) as database:
        found = [row[0] for row in database.execute("PRAGMA integrity_check")]
        lost = database.execute("SELECT count(*) FROM entries e LEFT JOIN bodies b ON b.id = e.body "
                                "WHERE b.id IS NULL").fetchone()[0]
    return faults + [line for line in found if line != "ok"] + (["entries without bytes"] if lost else []), files


async def recheck(turn, gateway, killed):
    """Asks for all answers once more; returns how many of those that must be there are lost."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    lost = 0
    for digest, (received, version) in list(turn.received.items()):
        is_kept = await turn.ask(reader, writer, digest)
        is_current = version == turn.virustotal.versions[number_of(digest)]
        if not is_kept and is_current and received < killed - LOSS_SECONDS:
            lost += 1
            print(f"lost: {digest}, received {killed - received:.2f} s before", file=sys.stderr)
    writer.close()
    return lost


async def run(options, directory, stack):
    """Runs the test; returns the figures."""
    dice = random.Random(options.seed)
    virustotal = VirusTotal(dice)
    await virustotal.start()
    gateway = Gateway(stack, options, directory, virustotal.port)
    turn, starts, lost, largest = Round(virustotal, dice, options.files), [], 0, 0
    starts.append(await gateway.start())
    for number in range(options.kills):
        load = [asyncio.create_task(turn.load(gateway.port)) for _ in range(CLIENTS)]
        await asyncio.sleep(dice.uniform(0.2, 2.0))
        killed = time.monotonic()
        await asyncio.to_thread(gateway.kill)
        await asyncio.gather(*load)
        faults, size = await asyncio.to_thread(check_file, directory / "cache")
        turn.wrong += faults
        largest = max(largest, size)
        starts.append(await gateway.start())
        lost += await recheck(turn, gateway, killed)
        if options.evicts:
            lost = 0
        print(f"kill {number + 1}: {len(turn.wrong)} wrong, {lost} lost", file=sys.stderr, flush=True)
    return turn, starts, lost, largest


def main():
    """Runs the test and judges it; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--max-bytes", type=int, default=1 << 30, help="the bound of the cache on disk")
    parser.add_argument("--evicts", action="store_true", help="the bound is too small: lost answers do not count")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    with harness.workplace() as (directory, stack):
        turn, starts, lost, largest = asyncio.run(run(options, pathlib.Path(directory), stack))
    print(f"{options.kills} kills, seed {options.seed}: {turn.counts['reports']} reports, "
          f"{turn.counts['comments']} comments, {len(turn.wrong)} wrong, {lost} lost; ready within "
          f"{max(starts):.2f} s; {largest / 1e6:.1f} MB at most")
    for line in turn.wrong[:20]:
        print(f"  {line}")
    good = not turn.wrong and not lost and max(starts) < 5 and largest <= options.max_bytes
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    harness.run(main)
