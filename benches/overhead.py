#!/usr/bin/env python3
"""Measures the CPU time that logs, metrics and tokens add to a cache hit, as the difference between two gateways.

    cargo build --release
    python3 benches/overhead.py [--bare BINARY]

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of a gateway, divided by the number of requests that wrk counted.
One gateway logs a line for each request to /dev/null and authenticates its caller by one of a hundred tokens. The other
logs nothing and takes the key in the request. Both are one worker on one core; wrk runs on the other. They take turns
in many short rounds, in alternating order, so that drift affects both. The result is the median of the rounds'
differences.

Metrics can't be switched off. To include them in the difference, pass a build that records none by `--bare`: the second
gateway is that build.

Exit status: 0; 1 if the difference is more than 10 µs, or requests failed; 2 if it can't be measured.
"""

import argparse
import gzip
import hashlib
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
import cached  # noqa: E402  (Python finds these beside this file)
import compare  # noqa: E402
import harness  # noqa: E402

MOST_MICROSECONDS = 10
PATH = f"/api/v1/files/{cached.SHA256}"
TOKEN = "vt4ai_token-of-alice"


def write_clients(directory):
    """Writes a file of a hundred clients; returns its path."""
    names = ["alice", *(f"client-{number}" for number in range(99))]
    digests = ((name, hashlib.sha256(f"vt4ai_token-of-{name}".encode()).hexdigest()) for name in names)
    path = directory / "clients.toml"
    path.write_text("".join(f'[[client]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nscopes = ["read"]\n\n'
                            for name, digest in digests))
    return path


def start_both(stack, options, directory, core, upstream):
    """Starts both gateways; returns the process id, port and credential of each."""
    full = compare.start_gateway(stack, options, directory, [core], upstream, MAX_WORKERS=1, API_KEY=harness.KEY,
                                 CLIENTS_FILE=write_clients(directory))
    bare = argparse.Namespace(binary=options.bare or options.binary)
    other = compare.start_gateway(stack, bare, directory, [core], upstream, MAX_WORKERS=1, LOG_LEVEL="off")
    return {"full": (*full, TOKEN), "bare": (*other, harness.KEY)}


def cost(server, core, seconds):
    """Returns the microseconds of CPU for one request."""
    pid, port, key = server
    cached.wrk(core, port, PATH, 1, key)
    spent = compare.cpu_seconds(pid)
    requests = cached.wrk(core, port, PATH, seconds, key)
    return 1e6 * (compare.cpu_seconds(pid) - spent) / requests


def check(servers):
    """Raises unless both gateways answer and only the full one accepts the token."""
    for name, (_, port, key) in servers.items():
        for credential, right in ((key, 200), (TOKEN, 200 if key == TOKEN else 401)):
            status, _, body = harness.get(port, PATH, {"X-API-Key": credential})
            if status != right:
                raise harness.CannotMeasure(f"{name} answers {status}: {body[:300]!r}")


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--bare", type=pathlib.Path, help="a build without metrics, for the second gateway")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=2, help="of load, per round and gateway")
    options = parser.parse_args()
    server_core, load_core = compare.two_cores()
    report = compare.file_report(cached.SHA256)
    with harness.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        upstream = harness.free_port()
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
    harness.run(main)
