#!/usr/bin/env python3
"""Ten minutes of everything at once: does the gateway stay right, up, and no larger than it was?

    cargo build --release
    python3 benches/soak.py [--minutes 10] [--rate 250]

Needs Linux. Everything listens on 127.0.0.1 and is stopped at the end.

Reports and lists in all four formats and as bare documents, for 8,000 objects through a cache that holds a part of
them; uploads; clients with tokens, one of whom comes and goes by `SIGHUP`; 2 % of the callers hang up in the middle;
5 % of VirusTotal's answers are resets, 503s, half a body, garbage, late, or never come. Metrics are scraped. The
VirusTotal remembers what it did, and every answer is held against that: status, format, what it is about, how old it
may be.

The cache has 4 MiB, so that it is full and evicts within the first minute, which is checked: memory is compared with
what it is then, and a cache that still fills would hide a leak or look like one.

Exit status: 0; 1 if an answer was wrong, a 500 or a panic, if resident memory changed by more than 10 % after the first
minute, or a file descriptor is left over; 2 if it can't be measured. A MB is 1,000,000 bytes.
"""

import asyncio
import collections
import hashlib
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import callers  # noqa: E402  (neighbours: Python finds them beside this file)
import compare  # noqa: E402
import fickle  # noqa: E402
import memory  # noqa: E402

MOST_GROWTH = 0.10
CACHE_BYTES = 4 << 20
CONNECTIONS = 40
HANGUP_EVERY = 4
SCRAPE_EVERY = 5
# How long the gateway may take to make a new file of clients its own.
RELOAD_SECONDS = 3
# How long it may take to notice that everybody has left.
PARTING_SECONDS = 30


class Gateway:
    """The gateway, its log, and the file of its clients."""

    def __init__(self, stack, binary, directory, virustotal):
        self.port, self.directory, self.log = compare.free_port(), directory, directory / "log"
        self.write_clients(["alice", "bob", "guest"])
        environment = {
            "VT4AI_PORT": str(self.port), "VT4AI_UPSTREAM_URL": f"http://127.0.0.1:{virustotal}",
            "VT4AI_API_KEY": "key-of-the-server", "VT4AI_ALLOW_OWN_KEYS": "true",
            "VT4AI_CLIENTS_FILE": "clients.toml", "KEY_OF_BOB": "key-of-bob", **compare.NO_LIMITS,
            "VT4AI_CACHE_MAX_BYTES": str(CACHE_BYTES), "VT4AI_CACHE_TTL": f"{callers.FRESH_SECONDS}s",
            "VT4AI_CACHE_TTL_NOT_FOUND": f"{callers.FRESH_SECONDS}s",
            "VT4AI_UPSTREAM_TIMEOUT": f"{fickle.PATIENCE_SECONDS}s", "NO_COLOR": "1",
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        stack.callback(compare.stop, self.process)
        self.pid = self.process.pid

    def write_clients(self, names):
        """Puts these clients into the file, all of it at once."""
        text = ""
        for name in names:
            digest = hashlib.sha256(token_of(name).encode()).hexdigest()
            own_key = 'key_env = "KEY_OF_BOB"\n' if name == "bob" else ""
            text += f'[[client]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nscopes = ["read", "submit"]\n{own_key}\n'
        (self.directory / "clients.new").write_text(text)
        os.replace(self.directory / "clients.new", self.directory / "clients.toml")

    def descriptors(self):
        """How many file descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def metrics(self):
        """What it counts, by the name and labels of a series."""
        text = compare.get(self.port, "/metrics")[2].decode()
        return {name: float(value) for name, value in re.findall(r"^(vt4ai_.*) (\S+)$", text, re.MULTILINE)}

    def complaints(self):
        """Lines of the log about a panic, a 500, or an error."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log if re.search(r"panic|http\.status=500|^\S+ +ERROR ", line)]


def token_of(name):
    """A client's token."""
    return f"vt4ai_token-of-{name}"


async def until(is_so, seconds):
    """Waits for something, for so long at most; whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        await asyncio.sleep(0.1)
    return is_so()


# What goes on beside the requests

async def come_and_go(gateway, guest, crowd):
    """Takes the guest out of the file of clients, and puts it in again."""
    is_in = True
    while not crowd.is_over.is_set():
        is_in = not is_in
        guest.known = {True, False}
        gateway.write_clients(["alice", "bob", "guest"] if is_in else ["alice", "bob"])
        os.kill(gateway.pid, signal.SIGHUP)
        crowd.counts["SIGHUP"] += 1
        # A second one at once, of a file that has not changed.
        os.kill(gateway.pid, signal.SIGHUP)
        await asyncio.sleep(RELOAD_SECONDS)
        guest.known = {is_in}
        await asyncio.sleep(HANGUP_EVERY - RELOAD_SECONDS)


async def scrape(gateway, crowd):
    """Reads the metrics now and then, as Prometheus does."""
    while not crowd.is_over.is_set():
        await asyncio.to_thread(gateway.metrics)
        crowd.counts["scrapes"] += 1
        await asyncio.sleep(SCRAPE_EVERY)


async def watch(gateway, seconds, seen):
    """Notes each second how much memory is held, and after the first minute how full the cache is."""
    for second in range(seconds):
        seen["memory"].append(memory.memory(gateway.pid))
        seen["descriptors"].append(gateway.descriptors())
        if second == 60:
            seen["first minute"] = await asyncio.to_thread(gateway.metrics)
        if second % 60 == 0:
            print(f"minute {second // 60}: {seen['memory'][-1]:.1f} MB, {seen['descriptors'][-1]} descriptors",
                  file=sys.stderr, flush=True)
        await asyncio.sleep(1)


async def soak(options, directory, stack):
    """Runs all of it; the gateway, the callers, the VirusTotal, and what was seen."""
    virustotal = fickle.VirusTotal(options.seed)
    await virustotal.start()
    gateway = Gateway(stack, options.binary.resolve(), directory, virustotal.port)
    if not await until(lambda: b"listening" in gateway.log.read_bytes(), 20):
        raise compare.CannotMeasure(gateway.log.read_text())
    everybody = [callers.Caller(name, token_of(name), key) for name, key in
                 [("alice", "key-of-the-server"), ("bob", "key-of-bob"), ("guest", "key-of-the-server")]]
    everybody.append(callers.Caller("somebody", compare.KEY, compare.KEY))
    crowd = callers.Crowd(virustotal, everybody, gateway.port, options.seed)
    seen = collections.defaultdict(list)
    await asyncio.to_thread(gateway.metrics)
    # That connection has to be gone.
    await asyncio.sleep(1)
    seen["at the start"] = gateway.descriptors()
    living = [asyncio.create_task(crowd.live(CONNECTIONS / options.rate)) for _ in range(CONNECTIONS)]
    living += [asyncio.create_task(scrape(gateway, crowd)),
               asyncio.create_task(come_and_go(gateway, everybody[2], crowd))]
    await watch(gateway, int(options.minutes * 60), seen)
    crowd.is_over.set()
    await asyncio.gather(*living)
    await virustotal.hang_up()
    await until(lambda: gateway.descriptors() <= seen["at the start"], PARTING_SECONDS)
    seen["at the end"] = gateway.descriptors()
    seen["metrics"] = await asyncio.to_thread(gateway.metrics)
    if gateway.process.poll() is not None:
        crowd.note(f"the gateway ended, with status {gateway.process.returncode}")
    return gateway, crowd, virustotal, seen


# Judging

def faults(gateway, crowd, seen):
    """What is out of bounds, a line each."""
    for wrong in crowd.wrong[:20]:
        yield wrong
    if len(crowd.wrong) > 20:
        yield f"… and {len(crowd.wrong) - 20} more"
    complaints = gateway.complaints()
    yield from complaints[:20]
    if panics := seen["metrics"]["vt4ai_http_panics_total"]:
        yield f"{panics:.0f} panics"
    first, last = held(seen)
    if abs(last / first - 1) > MOST_GROWTH:
        yield f"memory was {first:.1f} MB after the first minute and is {last:.1f} MB at the end"
    if seen["at the end"] > seen["at the start"]:
        yield f"{seen['at the end'] - seen['at the start']} file descriptors are left over"
    minute = seen["first minute"]
    if minute["vt4ai_cache_bytes"] < 0.9 * CACHE_BYTES or not minute["vt4ai_cache_evictions_total"]:
        yield "the cache was not full after the first minute"


def held(seen):
    """Resident memory after the first minute and at the end: the medians of ten seconds."""
    return statistics.median(seen["memory"][60:70]), statistics.median(seen["memory"][-10:])


def report(crowd, virustotal, seen):
    """The figures."""
    counts, deeds = crowd.counts, virustotal.counts
    answers = sum(number for what, number in counts.items() if isinstance(what, int))
    by_status = ", ".join(f"{what}: {number}" for what, number in sorted(
        (item for item in counts.items() if isinstance(item[0], int))))
    first, last = held(seen)
    print(f"{answers} answers ({by_status}), each judged; {len(crowd.wrong)} wrong; "
          f"{counts['hung up']} callers hung up")
    print("by format: " + ", ".join(f"{form}: {counts[form]}" for form in callers.FORMS))
    print("by X-Cache: " + ", ".join(f"{name}: {counts[name]}" for name in ("HIT", "MISS", "STALE")))
    print("VirusTotal: " + ", ".join(f"{kind}: {number}" for kind, number in deeds.most_common()))
    print(f"{counts['SIGHUP']} changes of clients, {counts['scrapes']} scrapes, "
          f"{seen['metrics']['vt4ai_cache_evictions_total']:.0f} evictions")
    print(f"memory: {first:.1f} MB after the first minute, {last:.1f} MB at the end "
          f"({100 * (last / first - 1):+.1f} %), at most {max(seen['memory']):.1f} MB")
    print(f"file descriptors: {seen['at the start']} at the start, at most {max(seen['descriptors'])}, "
          f"{seen['at the end']} at the end")


def main():
    """Soaks and judges; the exit status."""
    parser = compare.command_line(__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="at least 1.5")
    parser.add_argument("--rate", type=int, default=250, help="requests a second, about")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of what happens when")
    options = parser.parse_args()
    options.minutes = max(options.minutes, 1.5)
    print(f"--seed {options.seed}", flush=True)
    with compare.workplace() as (directory, stack):
        gateway, crowd, virustotal, seen = asyncio.run(soak(options, pathlib.Path(directory), stack))
        report(crowd, virustotal, seen)
        found = list(faults(gateway, crowd, seen))
    for fault in found:
        print(f"FAIL: {fault}")
    print("FAIL" if found else "PASS")
    return 1 if found else 0


if __name__ == "__main__":
    compare.run(main)
