#!/usr/bin/env python3
"""Ten minutes of everything at once: does the gateway stay right, up, and no larger than it was?

    cargo build --release
    python3 benches/soak.py [--seconds 600] [--rate 250]

Needs Linux and redis-server. Everything listens on 127.0.0.1 and is stopped at the end. Two gateways share one Redis
and one VirusTotal, which is played by this script and remembers what it did.

Two fifths of the requests go to the first gateway: reports and lists in all four formats and as bare documents, for
8,000 objects through a cache that holds a part of them; uploads; clients with tokens, one of whom comes and goes by
`SIGHUP`; 2 % of the callers hang up in the middle; 5 % of VirusTotal's answers are resets, 503s, half a body, garbage,
late, or never come. Metrics are scraped. Every answer is held against what VirusTotal did: status, format, what it is
about, how old it may be (`callers.py`).

The others go to both gateways and write, too (`writers.py`, `living.py`): to files, URLs, domains and IP addresses,
under all of their names. Objects have versions. An answer must show at least

- the version of a write that was confirmed through the same gateway before the request began, or through the other one
  two seconds before;
- the version of an analysis that was seen completed, in the same way;
- the version of a write that may have happened (no answer, 5xx, a caller who hung up), except where VirusTotal fails.

Other names of a file count once a report or an upload has told them. A write that was refused costs nothing: what was
given before is still a hit.

The caches have 4 MiB, so that the first one is full and evicts within the first minute, which is checked: memory is
compared with what it is then, and a cache that still fills would hide a leak or look like one. In runs of less than 90
seconds memory is not judged.

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
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import callers  # noqa: E402  (neighbours: Python finds them beside this file)
import compare  # noqa: E402
import fickle  # noqa: E402
import living  # noqa: E402
import memory  # noqa: E402
import replicas  # noqa: E402
import writers  # noqa: E402

MOST_GROWTH = 0.10
CACHE_BYTES = 4 << 20
CONNECTIONS = 40
# The part of the requests that goes to objects that change.
LIVING = 0.6
# So many objects are written to often, seldom, or not at all.
TEMPERS = ["busy"] * 10 + ["calm"] * 18 + ["strict"] * 10
# Shorter runs end before memory can be compared.
LEAST_SECONDS = 90
# Of what is wrong.
MOST_SHOWN = 20
# How late this script may be before what it says of two seconds means nothing.
MOST_LATE_SECONDS = 1
HANGUP_EVERY = 4
SCRAPE_EVERY = 5
# How long the gateway may take to make a new file of clients its own.
RELOAD_SECONDS = 3
# How long it may take to notice that everybody has left.
PARTING_SECONDS = 30


# The keys of those who write, by name; the same for two of them.
KEYS = {"carol": "key-of-carol", "dave": "key-of-carol", "frank": "key-of-frank"}


class Gateway:
    """A gateway, its log, and the file of its clients."""

    def __init__(self, stack, binary, directory, upstream):
        directory.mkdir()
        virustotal, redis = upstream
        self.port, self.directory, self.log = compare.free_port(), directory, directory / "log"
        self.write_clients(["alice", "bob", "guest", *KEYS])
        environment = {
            "VT4AI_PORT": str(self.port), "VT4AI_UPSTREAM_URL": f"http://127.0.0.1:{virustotal}",
            "VT4AI_API_KEY": "key-of-the-server", "VT4AI_ALLOW_OWN_KEYS": "true",
            "VT4AI_CLIENTS_FILE": "clients.toml", "KEY_OF_BOB": "key-of-bob", **compare.NO_LIMITS,
            **{f"KEY_OF_{name.upper()}": key for name, key in KEYS.items()},
            # Its own patience is short, and this machine may be busy.
            "VT4AI_REDIS_URL": f"redis://127.0.0.1:{redis}", "VT4AI_REDIS_TIMEOUT": "2s",
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
            own_key = f'key_env = "KEY_OF_{name.upper()}"\n' if name == "bob" or name in KEYS else ""
            text += f'[[client]]\nname = "{name}"\ntoken_sha256 = "{digest}"\n{own_key}'
            text += 'scopes = ["read", "search", "submit"]\n\n'
        (self.directory / "clients.new").write_text(text)
        os.replace(self.directory / "clients.new", self.directory / "clients.toml")

    def is_ready(self):
        """Whether it serves, and has found its Redis."""
        if b"listening" not in self.log.read_bytes():
            return False
        return b"degraded" not in compare.get(self.port, "/readyz")[2]

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
            return [line.rstrip() for line in log
                    if re.search(r"panic|http\.status=500|^\S+ +ERROR |Redis (is away|refused)", line)]


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
        gateway.write_clients(["alice", "bob", *KEYS, *(["guest"] if is_in else [])])
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


async def watch(gateways, seconds, seen):
    """Notes each second how much memory is held, and after the first minute how full the caches are."""
    first = first_minute(seconds)
    for second in range(seconds):
        for at, gateway in enumerate(gateways):
            seen["memory", at].append(memory.memory(gateway.pid))
            seen["descriptors", at].append(gateway.descriptors())
            if second == first:
                seen["first minute", at] = await asyncio.to_thread(gateway.metrics)
        if second % 60 == 0:
            held = ", ".join(f"{seen['memory', at][-1]:.1f} MB, {seen['descriptors', at][-1]} descriptors"
                             for at in range(len(gateways)))
            print(f"minute {second // 60}: {held}", file=sys.stderr, flush=True)
        began = time.monotonic()
        await asyncio.sleep(1)
        seen["late"].append(time.monotonic() - began - 1)


def first_minute(seconds):
    """Returns the second at which the gateway counts as warm."""
    return min(60, seconds // 3)


async def soak(options, directory, stack):
    """Runs all of it; the gateways, those who asked, the VirusTotal, and what was seen."""
    world = living.World(options.seed, TEMPERS)
    virustotal = fickle.VirusTotal(options.seed, world=world)
    await virustotal.start()
    redis = start_redis(stack, directory)
    gateways = [Gateway(stack, options.binary.resolve(), directory / str(at), (virustotal.port, redis))
                for at in range(2)]
    if not await until(lambda: all(gateway.is_ready() for gateway in gateways), 20):
        raise compare.CannotMeasure("".join(gateway.log.read_text() for gateway in gateways))
    crowd = callers.Crowd(virustotal, readers(), gateways[0].port, options.seed)
    ports = [gateway.port for gateway in gateways]
    writing = writers.Writers(world, [callers.Caller(name, token_of(name), KEYS[name]) for name in KEYS], ports,
                              options.seed)
    writing.callers.append(callers.Caller("erin", "key-of-erin", "key-of-erin"))
    seen = collections.defaultdict(list)
    for gateway in gateways:
        await asyncio.to_thread(gateway.metrics)
    # That connection has to be gone.
    await asyncio.sleep(1)
    seen["at the start"] = [gateway.descriptors() for gateway in gateways]
    pause = CONNECTIONS / options.rate
    living_on = [asyncio.create_task(crowd.live(pause / (1 - LIVING))) for _ in range(CONNECTIONS)]
    living_on += [asyncio.create_task(writing.live(CONNECTIONS, pause / LIVING)),
                  asyncio.create_task(scrape(gateways[0], crowd)),
                  asyncio.create_task(come_and_go(gateways[0], crowd.callers[2], crowd))]
    await watch(gateways, options.seconds, seen)
    crowd.is_over.set()
    writing.is_over.set()
    await asyncio.gather(*living_on)
    await virustotal.hang_up()
    await until(lambda: all(gateway.descriptors() <= most for gateway, most in zip(gateways, seen["at the start"])),
                PARTING_SECONDS)
    seen["at the end"] = [gateway.descriptors() for gateway in gateways]
    for at, gateway in enumerate(gateways):
        if gateway.process.poll() is not None:
            raise compare.CannotMeasure(f"gateway {at} ended, with status {gateway.process.returncode}")
        seen["metrics", at] = await asyncio.to_thread(gateway.metrics)
    return gateways, crowd, writing.judge, seen


def readers():
    """Returns the callers who only read and upload."""
    named = [("alice", "key-of-the-server"), ("bob", "key-of-bob"), ("guest", "key-of-the-server")]
    known = [callers.Caller(name, token_of(name), key) for name, key in named]
    return [*known, callers.Caller("somebody", compare.KEY, compare.KEY)]


def start_redis(stack, directory):
    """Starts a Redis that keeps nothing on disk; returns its port."""
    if not shutil.which("redis-server"):
        raise compare.CannotMeasure("redis-server is not installed")
    port = compare.free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    stack.callback(compare.stop, subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL,
                                                  start_new_session=True))
    replicas.wait_for_port(port)
    return port


# Judging

def faults(gateways, crowd, judge, seen):
    """What is out of bounds, a line each."""
    for wrong in (crowd.wrong, judge.wrong):
        yield from wrong[:MOST_SHOWN]
        if len(wrong) > MOST_SHOWN:
            kinds = collections.Counter(kind_of(it) for it in wrong)
            yield from (f"{number} in all like this: {kind}" for kind, number in kinds.most_common())
    if max(seen["late"]) > MOST_LATE_SECONDS:
        yield f"this script itself was late by {max(seen['late']):.1f} s: the machine is too busy to judge"
    yield from (f"nothing of this was seen: {what}" for what, number in verdicts(judge) if not number)
    for at, gateway in enumerate(gateways):
        yield from (f"gateway {at}: {complaint}" for complaint in gateway.complaints()[:MOST_SHOWN])
        if panics := seen["metrics", at]["vt4ai_http_panics_total"]:
            yield f"gateway {at}: {panics:.0f} panics"
        first, last = held(seen, at)
        if len(seen["late"]) >= LEAST_SECONDS and abs(last / first - 1) > MOST_GROWTH:
            yield f"gateway {at}: memory was {first:.1f} MB after the first minute and is {last:.1f} MB at the end"
        if (over := seen["at the end"][at] - seen["at the start"][at]) > 0:
            yield f"gateway {at}: {over} file descriptors are left over"
    minute = seen["first minute", 0]
    is_full = minute["vt4ai_cache_bytes"] >= 0.9 * CACHE_BYTES and minute["vt4ai_cache_evictions_total"]
    if len(seen["late"]) >= LEAST_SECONDS and not is_full:
        yield "the cache was not full after the first minute"


def kind_of(wrong):
    """Returns the kind of a wrong answer: its description without names and numbers."""
    what = wrong.partition("\n")[0].partition("Wrong(")[2] or wrong
    return re.sub(r"\[[^\]]*\]|[+-]?\d[\d.]*", "N", what[:160])


def held(seen, at):
    """Resident memory after the first minute and at the end: the medians of ten seconds."""
    memories = seen["memory", at]
    first = first_minute(len(memories))
    return statistics.median(memories[first:first + 10]), statistics.median(memories[-10:])


def verdicts(judge):
    """Yields what was judged of writes, and how often."""
    counts = judge.counts
    for why, name in [("write:", "an accepted write"), ("completion", "a completed analysis"),
                      ("possible", "a write that may have happened")]:
        for where, through in [("here", "the same gateway"), ("elsewhere", "the other one, after two seconds")]:
            yield f"no answer older than {name} through {through}", counts["judged", why, where]
    older = counts["older kept", "here"] + counts["older kept", "elsewhere"]
    yield "of these, an older answer had been given before", older
    yield "of these, only the other gateway had been told the name", counts["told elsewhere"]
    yield "a hit after a write that was refused", counts["after a refusal", "HIT"]
    yield "a hit where nothing was written", counts["kept", "HIT"]


def report(crowd, judge, virustotal, seen):
    """The figures."""
    for who, counts, wrong in [("readers", crowd.counts, crowd.wrong), ("writers", judge.counts, judge.wrong)]:
        answers = sum(number for what, number in counts.items() if isinstance(what, int))
        by_status = ", ".join(f"{what}: {number}" for what, number in sorted(
            (item for item in counts.items() if isinstance(item[0], int))))
        by_cache = ", ".join(f"{name}: {counts[name]}" for name in ("HIT", "MISS", "STALE"))
        print(f"{who}: {answers} answers ({by_status}; {by_cache}), each judged; {len(wrong)} wrong; "
              f"{counts['hung up']} callers hung up")
    print("by format: " + ", ".join(f"{form}: {crowd.counts[form]}" for form in callers.FORMS))
    counts = judge.counts
    written = {what[1]: number for what, number in counts.items() if isinstance(what, tuple) and what[0] == "written"}
    print("writes: " + ", ".join(f"{outcome}: {number}" for outcome, number in sorted(written.items(), key=str))
          + f"; {counts['completed']} times an analysis was seen completed")
    for what, number in verdicts(judge):
        print(f"  {what}: {number}")
    print("VirusTotal: " + ", ".join(f"{kind}: {number}" for kind, number in virustotal.counts.most_common()))
    print("  of what changes: " + ", ".join(f"{kind}: {number}" for kind, number in judge.world.counts.most_common()))
    print(f"{crowd.counts['SIGHUP']} changes of clients, {crowd.counts['scrapes']} scrapes; this script was late by "
          f"{max(seen['late']):.2f} s at most")
    for at in range(2):
        first, last = held(seen, at)
        evictions = seen["metrics", at]["vt4ai_cache_evictions_total"]
        print(f"gateway {at}: {first:.1f} MB after the first minute, {last:.1f} MB at the end "
              f"({100 * (last / first - 1):+.1f} %), at most {max(seen['memory', at]):.1f} MB; "
              f"file descriptors: {seen['at the start'][at]} at the start, at most {max(seen['descriptors', at])}, "
              f"{seen['at the end'][at]} at the end; {evictions:.0f} evictions")


def main():
    """Soaks and judges; the exit status."""
    parser = compare.command_line(__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="at least 30")
    parser.add_argument("--rate", type=int, default=250, help="requests a second, about")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of what happens when")
    options = parser.parse_args()
    options.seconds = max(options.seconds, 30)
    print(f"--seed {options.seed}", flush=True)
    with compare.workplace() as (directory, stack):
        gateways, crowd, judge, seen = asyncio.run(soak(options, pathlib.Path(directory), stack))
        report(crowd, judge, crowd.virustotal, seen)
        found = list(faults(gateways, crowd, judge, seen))
    for fault in found:
        print(f"FAIL: {fault}")
    print("FAIL" if found else "PASS")
    return 1 if found else 0


if __name__ == "__main__":
    compare.run(main)
