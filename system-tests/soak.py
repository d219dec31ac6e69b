#!/usr/bin/env python3
"""Runs a mixed load for ten minutes, and checks that all answers are right and that memory does not grow.

    cargo build --release
    python3 system-tests/soak.py [--seconds 600] [--rate 250]

Needs Linux and redis-server. Everything listens on 127.0.0.1 and is stopped at the end. Two gateways share one Redis
and one fake VirusTotal, which runs in this script and records its actions.

Two fifths of the requests go to the first gateway: reports and lists in all four formats and as bare documents, for
8,000 objects of which the cache holds a part, and uploads. Clients have tokens, and one client is removed and added
again by `SIGHUP`. 2 % of the callers hang up. 5 % of VirusTotal's answers are resets, 503s, truncated, garbage, late or
missing. Metrics are scraped. The status, format, subject and age of every answer are checked against VirusTotal's
record (`callers.py`).

The other requests go to both gateways and include writes (`writers.py`, `objects.py`) to files, URLs, domains and IP
addresses, under all of their names. Objects have versions. An answer must show at least the version

- of a write that was confirmed through the same gateway before the request began, or through the other gateway two
  seconds earlier;
- of an analysis whose completion was reported, in the same way;
- of a write that may have happened (no answer, 5xx, a caller that hung up), except if VirusTotal fails.

The other names of a file count once a report or an upload has revealed them. A refused write invalidates nothing: the
next read is still a cache hit.

The caches have 4 MiB, so that the first one is full within the first minute, which is checked. Memory is compared with
its value at that time, because a cache that is still filling would hide a leak or look like one. In runs of less than
90 seconds memory is not judged.

Exit status: 0; 1 if an answer was wrong, a 500 or a panic, if resident memory changed by more than 10 % after the first
minute, or if a file descriptor was leaked; 2 if it can't be measured. A MB is 1,000,000 bytes.
"""

import asyncio
import collections
import contextlib
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
sys.path.append(f"{sys.path[0]}/../benches")
import callers  # noqa: E402
import fake_virustotal  # noqa: E402
import harness  # noqa: E402
import objects  # noqa: E402
import writers  # noqa: E402

MOST_GROWTH = 0.10
CACHE_BYTES = 4 << 20
CONNECTIONS = 40
# The share of requests about objects that change.
CHANGING = 0.6
# The numbers of objects that are written to often, rarely, or never with success.
ACTIVITIES = ["busy"] * 10 + ["calm"] * 18 + ["refusing"] * 10
# Shorter runs end before memory can be compared.
LEAST_SECONDS = 90
# The number of mistakes that are printed.
MOST_SHOWN = 20
# The delay of this script beyond which its two-second checks are meaningless.
MOST_LAG_SECONDS = 1
HANGUP_EVERY = 4
SCRAPE_EVERY = 5
# The time that the gateway may take to load a new file of clients.
RELOAD_SECONDS = 3
# The time that the gateway may take to close all connections after the load.
DRAIN_SECONDS = 30


# The keys of the writing clients, by name; two of them share one.
KEYS = {"carol": "key-of-carol", "dave": "key-of-carol", "frank": "key-of-frank"}


class Gateway:
    """A gateway, its log and its file of clients."""

    def __init__(self, stack, binary, directory, upstream):
        directory.mkdir()
        virustotal, redis = upstream
        self.port, self.directory, self.log = harness.free_port(), directory, directory / "log"
        self.write_clients(["alice", "bob", "guest", *KEYS])
        settings = harness.environment(
            self.port, virustotal, API_KEY="key-of-the-server", ALLOW_OWN_KEYS="true", CLIENTS_FILE="clients.toml",
            CACHE_MAX_BYTES=CACHE_BYTES, CACHE_TTL=f"{callers.FRESH_SECONDS}s",
            CACHE_TTL_NOT_FOUND=f"{callers.FRESH_SECONDS}s", UPSTREAM_TIMEOUT=f"{fake_virustotal.TIMEOUT_SECONDS}s",
            # Longer than the default, because this machine may be busy.
            REDIS_URL=f"redis://127.0.0.1:{redis}", REDIS_TIMEOUT="2s")
        keys = {f"KEY_OF_{name.upper()}": key for name, key in KEYS.items()}
        environment = {**settings, **keys, "KEY_OF_BOB": "key-of-bob", "NO_COLOR": "1"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        stack.callback(harness.stop, self.process)
        self.pid = self.process.pid

    def write_clients(self, names):
        """Replaces the file of clients atomically."""
        text = ""
        for name in names:
            digest = hashlib.sha256(token_of(name).encode()).hexdigest()
            own_key = f'key_env = "KEY_OF_{name.upper()}"\n' if name == "bob" or name in KEYS else ""
            text += f'[[client]]\nname = "{name}"\ntoken_sha256 = "{digest}"\n{own_key}'
            text += 'scopes = ["read", "search", "submit"]\n\n'
        (self.directory / "clients.new").write_text(text)
        os.replace(self.directory / "clients.new", self.directory / "clients.toml")

    def is_ready(self):
        """Returns whether the gateway serves and is connected to Redis."""
        with contextlib.suppress(OSError):
            status, _, body = harness.get(self.port, "/readyz")
            return status == 200 and b"degraded" not in body
        return False

    def descriptors(self):
        """Returns the number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def metrics(self):
        """Returns its metrics, by the name and labels of each series."""
        text = harness.get(self.port, "/metrics")[2].decode()
        return {name: float(value) for name, value in re.findall(r"^(vt4ai_.*) (\S+)$", text, re.MULTILINE)}

    def complaints(self):
        """Returns the lines of the log about a panic, a 500, an error or trouble with Redis."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log
                    if re.search(r"panic|\bstatus_code=500|^\S+ +ERROR |^\S+ +WARN .*Redis", line)]


def token_of(name):
    """Returns the token of a client."""
    return f"vt4ai_token-of-{name}"


async def until(is_so, seconds):
    """Waits until a condition holds, for a limited time; returns whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        await asyncio.sleep(0.1)
    return is_so()


# Beside the requests

async def come_and_go(gateway, guest, readers):
    """Removes the guest from the file of clients and adds it again, over and over."""
    is_in = True
    while not readers.is_over.is_set():
        is_in = not is_in
        guest.known = {True, False}
        gateway.write_clients(["alice", "bob", *KEYS, *(["guest"] if is_in else [])])
        os.kill(gateway.pid, signal.SIGHUP)
        readers.counts["SIGHUP"] += 1
        # A second signal at once, with an unchanged file.
        os.kill(gateway.pid, signal.SIGHUP)
        await asyncio.sleep(RELOAD_SECONDS)
        guest.known = {is_in}
        await asyncio.sleep(HANGUP_EVERY - RELOAD_SECONDS)


async def scrape(gateway, readers):
    """Scrapes the metrics periodically, as Prometheus does."""
    while not readers.is_over.is_set():
        await asyncio.to_thread(gateway.metrics)
        readers.counts["scrapes"] += 1
        await asyncio.sleep(SCRAPE_EVERY)


async def watch(gateways, seconds, seen):
    """Records the memory each second, and the metrics after the first minute."""
    first = first_minute(seconds)
    for second in range(seconds):
        for at, gateway in enumerate(gateways):
            seen["memory", at].append(harness.resident_mb(gateway.pid))
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
    """Runs the load; returns the gateways, the readers, the judge of the writers, and the measurements."""
    world = objects.World(options.seed, ACTIVITIES)
    virustotal = fake_virustotal.VirusTotal(options.seed, world=world)
    await virustotal.start()
    redis = harness.free_port()
    stack.callback(harness.stop, harness.start_redis(directory, redis))
    gateways = [Gateway(stack, options.binary.resolve(), directory / str(at), (virustotal.port, redis))
                for at in range(2)]
    if not await until(lambda: all(gateway.is_ready() for gateway in gateways), 20):
        raise harness.CannotMeasure("".join(gateway.log.read_text() for gateway in gateways))
    readers = callers.Readers(virustotal, known_readers(), gateways[0].port, options.seed)
    ports = [gateway.port for gateway in gateways]
    writing = writers.Writers(world, [callers.Caller(name, token_of(name), KEYS[name]) for name in KEYS], ports,
                              options.seed)
    writing.callers.append(callers.Caller("erin", "key-of-erin", "key-of-erin"))
    seen = collections.defaultdict(list)
    for gateway in gateways:
        await asyncio.to_thread(gateway.metrics)
    # The connection of that request has to be closed before descriptors are counted.
    await asyncio.sleep(1)
    seen["at the start"] = [gateway.descriptors() for gateway in gateways]
    pause = CONNECTIONS / options.rate
    tasks = [asyncio.create_task(readers.live(pause / (1 - CHANGING))) for _ in range(CONNECTIONS)]
    tasks += [asyncio.create_task(writing.live(CONNECTIONS, pause / CHANGING)),
                  asyncio.create_task(scrape(gateways[0], readers)),
                  asyncio.create_task(come_and_go(gateways[0], readers.callers[2], readers))]
    await watch(gateways, options.seconds, seen)
    readers.is_over.set()
    writing.is_over.set()
    await asyncio.gather(*tasks)
    await virustotal.hang_up()
    await until(lambda: all(gateway.descriptors() <= most for gateway, most in zip(gateways, seen["at the start"])),
                DRAIN_SECONDS)
    seen["at the end"] = [gateway.descriptors() for gateway in gateways]
    for at, gateway in enumerate(gateways):
        if gateway.process.poll() is not None:
            raise harness.CannotMeasure(f"gateway {at} ended, with status {gateway.process.returncode}")
        seen["metrics", at] = await asyncio.to_thread(gateway.metrics)
    return gateways, readers, writing.judge, seen


def known_readers():
    """Returns the callers that only read and upload."""
    named = [("alice", "key-of-the-server"), ("bob", "key-of-bob"), ("guest", "key-of-the-server")]
    known = [callers.Caller(name, token_of(name), key) for name, key in named]
    return [*known, callers.Caller("own-key", harness.KEY, harness.KEY)]


# Results

def faults(gateways, readers, judge, seen):
    """Yields a line for each mistake and for each bound that is exceeded."""
    for wrong in (readers.wrong, judge.wrong):
        yield from wrong[:MOST_SHOWN]
        if len(wrong) > MOST_SHOWN:
            kinds = collections.Counter(kind_of(it) for it in wrong)
            yield from (f"{number} in total like this: {kind}" for kind, number in kinds.most_common())
    if max(seen["late"]) > MOST_LAG_SECONDS:
        yield f"this script itself was late by {max(seen['late']):.1f} s: the machine is too busy to judge"
    yield from (f"never checked: {what}" for what, number in verdicts(judge) if not number)
    for at, gateway in enumerate(gateways):
        yield from (f"gateway {at}: {complaint}" for complaint in gateway.complaints()[:MOST_SHOWN])
        if panics := seen["metrics", at]["vt4ai_http_panics_total"]:
            yield f"gateway {at}: {panics:.0f} panics"
        first, last = held(seen, at)
        if len(seen["late"]) >= LEAST_SECONDS and abs(last / first - 1) > MOST_GROWTH:
            yield f"gateway {at}: memory was {first:.1f} MB after the first minute and is {last:.1f} MB at the end"
        if (over := seen["at the end"][at] - seen["at the start"][at]) > 0:
            yield f"gateway {at}: {over} file descriptors were leaked"
    minute = seen["first minute", 0]
    is_full = minute["vt4ai_cache_bytes"] >= 0.9 * CACHE_BYTES and minute["vt4ai_cache_evictions_total"]
    if len(seen["late"]) >= LEAST_SECONDS and not is_full:
        yield "the cache was not full after the first minute"


def kind_of(wrong):
    """Returns the kind of a wrong answer: its description without names and numbers."""
    what = wrong.partition("\n")[0].partition("Wrong(")[2] or wrong
    return re.sub(r"\[[^\]]*\]|[+-]?\d[\d.]*", "N", what[:160])


def held(seen, at):
    """Returns the resident memory after the first minute and at the end, each the median of ten seconds."""
    memories = seen["memory", at]
    first = first_minute(len(memories))
    return statistics.median(memories[first:first + 10]), statistics.median(memories[-10:])


def verdicts(judge):
    """Yields the kinds of checks of writes, and their numbers."""
    counts = judge.counts
    for why, name in [("write:", "an accepted write"), ("completion", "a completed analysis"),
                      ("possible", "a write that may have happened")]:
        for where, through in [("here", "the same gateway"), ("elsewhere", "the other gateway, after two seconds")]:
            yield f"no answer older than {name} through {through}", counts["judged", why, where]
    older = counts["older kept", "here"] + counts["older kept", "elsewhere"]
    yield "of these, an older answer had been served before", older
    yield "of these, only the other gateway had learned the name", counts["told elsewhere"]
    yield "a hit after a write that was refused", counts["after a refusal", "HIT"]
    yield "a hit without any write", counts["kept", "HIT"]


def report(readers, judge, virustotal, seen):
    """Prints the figures."""
    for who, counts, wrong in [("readers", readers.counts, readers.wrong), ("writers", judge.counts, judge.wrong)]:
        answers = sum(number for what, number in counts.items() if isinstance(what, int))
        by_status = ", ".join(f"{what}: {number}" for what, number in sorted(
            (item for item in counts.items() if isinstance(item[0], int))))
        by_cache = ", ".join(f"{name}: {counts[name]}" for name in ("HIT", "MISS", "STALE"))
        print(f"{who}: {answers} answers ({by_status}; {by_cache}), each judged; {len(wrong)} wrong; "
              f"{counts['hung up']} callers hung up")
    print("by format: " + ", ".join(f"{form}: {readers.counts[form]}" for form in callers.FORMS))
    counts = judge.counts
    written = {what[1]: number for what, number in counts.items() if isinstance(what, tuple) and what[0] == "written"}
    print("writes: " + ", ".join(f"{outcome}: {number}" for outcome, number in sorted(written.items(), key=str))
          + f"; {counts['completed']} times an analysis was seen completed")
    for what, number in verdicts(judge):
        print(f"  {what}: {number}")
    print("VirusTotal: " + ", ".join(f"{kind}: {number}" for kind, number in virustotal.counts.most_common()))
    changing = judge.world.counts.most_common()
    print("  objects that change: " + ", ".join(f"{kind}: {number}" for kind, number in changing))
    print(f"{readers.counts['SIGHUP']} changes of clients, {readers.counts['scrapes']} scrapes; "
          f"this script was late by {max(seen['late']):.2f} s at most")
    for at in range(2):
        first, last = held(seen, at)
        evictions = seen["metrics", at]["vt4ai_cache_evictions_total"]
        print(f"gateway {at}: {first:.1f} MB after the first minute, {last:.1f} MB at the end "
              f"({100 * (last / first - 1):+.1f} %), at most {max(seen['memory', at]):.1f} MB; "
              f"file descriptors: {seen['at the start'][at]} at the start, at most {max(seen['descriptors', at])}, "
              f"{seen['at the end'][at]} at the end; {evictions:.0f} evictions")


def main():
    """Runs the load and judges it; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="at least 30")
    parser.add_argument("--rate", type=int, default=250, help="approximate number of requests a second")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of all random choices")
    options = parser.parse_args()
    options.seconds = max(options.seconds, 30)
    print(f"--seed {options.seed}", flush=True)
    with harness.workplace() as (directory, stack):
        gateways, readers, judge, seen = asyncio.run(soak(options, pathlib.Path(directory), stack))
        report(readers, judge, readers.virustotal, seen)
        found = list(faults(gateways, readers, judge, seen))
    for fault in found:
        print(f"FAIL: {fault}")
    print("FAIL" if found else "PASS")
    return 1 if found else 0


if __name__ == "__main__":
    harness.run(main)
