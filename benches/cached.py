#!/usr/bin/env python3
"""Compares the CPU time of a cache hit with nginx and a bare axum server, which send the same bytes, and with /livez.

    cargo build --release --bins --examples
    python3 benches/cached.py [--against OTHER/vt4ai]

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of a server, divided by the number of requests that wrk counted.
Each server is one worker on one core; wrk runs on the other. The servers take turns in several rounds, and the result
is the median of the rounds. The answer is a report of 52 KB, filtered by the default template, as JSON; nginx sends it
from a file, the bare axum server (`benches/bare.rs`) from memory. The gateway logs at INFO to /dev/null.

With `--against`, an earlier build takes part in every round, and the script prints the median of the rounds' ratios.

Exit status: 0; 1 if a bound at the head of the script is exceeded; 2 if it can't be measured, or a request failed.
"""

import gzip
import pathlib
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
import compare  # noqa: E402  (Python finds these beside this file)
import harness  # noqa: E402

NGINX = "nginx, from a file"
BARE = "bare axum, from memory"
BARE_LIVEZ = "bare axum, /livez"
HIT = "this gateway, a hit"
LIVEZ = "this gateway, /livez"
# The first costs at most so many times the CPU of the second.
MOST_TIMES = [(HIT, NGINX, 2.0), (LIVEZ, BARE_LIVEZ, 1.6)]
SHA256 = "5f" * 32


def static(port, directory):
    """Returns the server block of an nginx that serves files."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; root {directory}; sendfile on; tcp_nopush on; open_file_cache max=10;
            types {{}} default_type application/json;
            location = /upstream-status {{ stub_status; }}
        }}"""


def wrk(core, port, path, seconds, key=harness.KEY):
    """Runs wrk and returns the number of requests; raises if one of them failed."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", "-c16", f"-d{seconds}s", "-H", f"X-API-Key: {key}",
               f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
                          check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise harness.CannotMeasure(done.stdout)
    return int(done.stdout.split(" requests in")[0].split()[-1])


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--against", type=pathlib.Path, help="an earlier build to compare it with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load, per round and server")
    options = parser.parse_args()
    report = compare.file_report(SHA256)
    server_core, load_core = compare.two_cores()
    with harness.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        upstream, front = harness.free_port(), harness.free_port()
        compare.start_nginx(stack, directory, "upstream", [load_core], compare.virustotal(upstream, directory), upstream)
        pid, port = compare.start_gateway(stack, options, directory, [server_core], upstream, MAX_WORKERS=1)
        path = f"/api/v1/files/{SHA256}"
        status, _, body = harness.get(port, path, {"X-API-Key": harness.KEY})
        if status != 200:
            raise harness.CannotMeasure(f"the gateway answers {status}: {body[:300]!r}")
        (directory / "answer.json").write_bytes(body)
        worker = compare.start_nginx(stack, directory, "static", [server_core], static(front, directory), front)
        bare, bare_port = compare.start_bare(stack, directory, server_core, upstream)
        servers = {NGINX: (worker, front, "/answer.json"), BARE: (bare, bare_port, "/file"), HIT: (pid, port, path),
                   BARE_LIVEZ: (bare, bare_port, "/livez"), LIVEZ: (pid, port, "/livez")}
        if options.against:
            earlier, at = compare.start_gateway(stack, options, directory, [server_core], upstream, options.against,
                                                MAX_WORKERS=1)
            harness.get(at, path, {"X-API-Key": harness.KEY})
            servers |= {"an earlier build, a hit": (earlier, at, path), "an earlier build, /livez": (earlier, at, "/livez")}
        rounds = {name: [] for name in servers}
        for number in range(options.rounds):
            for name, (process, at, what) in servers.items():
                wrk(load_core, at, what, 1)
                spent = compare.cpu_seconds(process)
                requests = wrk(load_core, at, what, options.seconds)
                rounds[name].append(1e6 * (compare.cpu_seconds(process) - spent) / requests)
                print(f"round {number + 1}: {name}: {rounds[name][-1]:.1f} µs", file=sys.stderr)
        asked = compare.upstream_requests(upstream)
    # Asking for the count is a request, too, and so is an earlier build's first lookup.
    asked -= 2 + bool(options.against)
    print(f"An answer of {len(body)} bytes; VirusTotal received {asked} request(s).\n")
    bases = (NGINX, BARE, BARE_LIVEZ)
    print(f"| server | CPU µs/request | {' | '.join(f'times {base}' for base in bases)} |")
    print("|---|" + "---:|" * (1 + len(bases)))
    for name in servers:
        times = " | ".join(f"{compare.median_ratio(rounds[name], rounds[base]):.2f}" for base in bases)
        print(f"| {name} | {statistics.median(rounds[name]):.1f} | {times} |")
    if options.against:
        for what in ("a hit", "/livez"):
            told = compare.compared(rounds[f"this gateway, {what}"], rounds[f"an earlier build, {what}"])
            print(f"{what} costs {told}.")
    exceeded = [(name, base, most) for name, base, most in MOST_TIMES
                if compare.median_ratio(rounds[name], rounds[base]) > most]
    for name, base, most in exceeded:
        print(f"FAIL: {name} costs more than {most} times {base}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    harness.run(main)
