#!/usr/bin/env python3
"""What logs, metrics and tokens add to a cached answer: CPU, as a difference between two gateways in one run.

    cargo build --release
    python3 benches/overhead.py [--bare BINARY]

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

What is measured: user and system time of a gateway, all its threads, divided by the requests wrk counted. One gateway
writes a line for each request, to nowhere, and knows its callers by tokens, a hundred of them; the other writes nothing
and takes the key that the request carries. Both are one worker on one core, wrk is on the other. They take turns in
many short rounds, each the other way round than the one before, so that what drifts hits both; the median of the
rounds' differences counts.

Metrics can't be switched off. Where `--bare` names a build whose `Meter::arrived` and `Meter::answered` do nothing,
the second gateway is that one, and the difference holds the metrics, too; without it, it does not.

Exit status: 0; 1 if the difference is more than 10 µs, or requests failed; 2 if it can't be measured.
"""

import argparse
import gzip
import hashlib
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
import cached  # noqa: E402  (neighbours: Python finds them beside this file)
import compare  # noqa: E402

MOST_MICROSECONDS = 10
PATH = f"/api/v1/files/{cached.SHA256}"
TOKEN = "vt4ai_token-of-alice"


def write_clients(directory):
    """A file of a hundred clients; its path."""
    names = ["alice", *(f"client-{number}" for number in range(99))]
    digests = ((name, hashlib.sha256(f"vt4ai_token-of-{name}".encode()).hexdigest()) for name in names)
    path = directory / "clients.toml"
    path.write_text("".join(f'[[client]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nscopes = ["read"]\n\n'
                            for name, digest in digests))
    return path


def start_both(stack, options, directory, core, upstream):
    """The gateway that has all of it and the one that has not: process id, port, and what a caller sends."""
    full = compare.start_gateway(stack, options, directory, [core], upstream, MAX_WORKERS=1, API_KEY=compare.KEY,
                                 CLIENTS_FILE=write_clients(directory))
    bare = argparse.Namespace(binary=options.bare or options.binary)
    other = compare.start_gateway(stack, bare, directory, [core], upstream, MAX_WORKERS=1, LOG_LEVEL="off")
    return {"full": (*full, TOKEN), "bare": (*other, compare.KEY)}


def cost(server, core, seconds):
    """Microseconds of CPU for one request."""
    pid, port, key = server
    cached.wrk(core, port, PATH, 1, key)
    spent = compare.cpu_seconds(pid)
    requests = cached.wrk(core, port, PATH, seconds, key)
    return 1e6 * (compare.cpu_seconds(pid) - spent) / requests


def check(servers):
    """Both answer, and a token is good for one of them only."""
    for name, (_, port, key) in servers.items():
        for credential, right in ((key, 200), (TOKEN, 200 if key == TOKEN else 401)):
            status, _, body = compare.get(port, PATH, {"X-API-Key": credential})
            if status != right:
                raise compare.CannotMeasure(f"{name} answers {status}: {body[:300]!r}")


def main():
    """Measures and judges; the exit status."""
    parser = compare.command_line(__doc__)
    parser.add_argument("--bare", type=pathlib.Path, help="a build without metrics, for the other side")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=2, help="of load, in each round for each gateway")
    options = parser.parse_args()
    server_core, load_core = compare.two_cores()
    report = compare.file_report(cached.SHA256)
    with compare.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        upstream = compare.free_port()
        virustotal = compare.virustotal(upstream, directory)
        compare.start_nginx(stack, directory, "upstream", [load_core], virustotal, upstream)
        servers = start_both(stack, options, directory, server_core, upstream)
        check(servers)
        rounds = []
        for number in range(options.rounds):
            order = list(servers)[::-1 if number % 2 else 1]
            costs = {name: cost(servers[name], load_core, options.seconds) for name in order}
            rounds.append(costs)
            print(f"round {number + 1}: full {costs['full']:.2f} µs, bare {costs['bare']:.2f} µs", file=sys.stderr)
    differences = sorted(costs["full"] - costs["bare"] for costs in rounds)
    added = statistics.median(differences)
    full, bare = (statistics.median(costs[name] for costs in rounds) for name in ("full", "bare"))
    print(f"a hit with the log and tokens: {full:.1f} µs; without{' and without metrics' if options.bare else ''}: "
          f"{bare:.1f} µs")
    print(f"they add {added:.1f} µs: the median of {len(rounds)} rounds, a half of them between "
          f"{differences[len(rounds) // 4]:.1f} and {differences[-len(rounds) // 4]:.1f} µs"
          f"{'' if options.bare else '; metrics are on both sides'}")
    good = added <= MOST_MICROSECONDS
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    compare.run(main)
