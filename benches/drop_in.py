#!/usr/bin/env python3
"""Compares the CPU time of a report under /api/v3 with that of the same report under /api/v1 in `format=raw`.

    cargo build --release
    python3 benches/drop_in.py

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of the gateway, divided by the number of requests that wrk
counted. The gateway is one worker on one core; wrk and VirusTotal's stand-in, an nginx, run on the other. Both entrances
take turns in several rounds, and the result is the median of the rounds. The answer is a report of 52 KB: a hit, and
one that is asked for anew by `Cache-Control: no-cache`.

Exit status: 0; 1 if a hit costs more than 1.2 times that of REST, an uncached report more than 1.05 times, or requests
failed; 2 if it can't be measured.
"""

import gzip
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
import compare  # noqa: E402  (Python finds these beside this file)
import harness  # noqa: E402

MOST_TIMES_HIT = 1.2
# An uncached report may cost no more; two runs of the same differ by this much.
MOST_TIMES_UNCACHED = 1.05
SHA256 = "5f" * 32
PATHS = {"/api/v1, raw": f"/api/v1/files/{SHA256}?format=raw", "/api/v3": f"/api/v3/files/{SHA256}"}
HEADERS = {"hit": [], "uncached": ["Cache-Control: no-cache"]}


def wrk(core, port, path, seconds, headers):
    """Runs wrk and returns the number of requests; raises if one of them failed."""
    more = [word for header in [f"X-API-Key: {harness.KEY}", *headers] for word in ("-H", header)]
    # One connection to an uncached report: concurrent requests would share a call.
    connections = 1 if headers else 16
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *more,
               f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
                          check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise harness.CannotMeasure(done.stdout)
    return int(done.stdout.split(" requests in")[0].split()[-1])


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of load, per round and path")
    options = parser.parse_args()
    server_core, load_core = compare.two_cores()
    ratios = {}
    with harness.workplace() as (directory, stack):
        report = compare.file_report(SHA256)
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        upstream = harness.free_port()
        compare.start_nginx(stack, directory, "upstream", [load_core], compare.virustotal(upstream, directory), upstream)
        pid, port = compare.start_gateway(stack, options, directory, [server_core], upstream, MAX_WORKERS=1)
        for path in PATHS.values():
            status, _, body = harness.get(port, path, {"X-API-Key": harness.KEY})
            if status != 200:
                raise harness.CannotMeasure(f"the gateway answers {status}: {body[:300]!r}")
        print("| | CPU µs/request | times /api/v1 |\n|---|---:|---:|")
        for name, headers in HEADERS.items():
            costs = {entrance: [] for entrance in PATHS}
            for number in range(options.rounds):
                for entrance, path in PATHS.items():
                    wrk(load_core, port, path, 1, headers)
                    spent = compare.cpu_seconds(pid)
                    requests = wrk(load_core, port, path, options.seconds, headers)
                    costs[entrance].append(1e6 * (compare.cpu_seconds(pid) - spent) / requests)
                    print(f"round {number + 1}: {name}, {entrance}: {costs[entrance][-1]:.1f} µs", file=sys.stderr)
            rest, drop_in = (statistics.median(costs[entrance]) for entrance in PATHS)
            ratios[name] = statistics.median(
                two / one for one, two in zip(costs["/api/v1, raw"], costs["/api/v3"], strict=True))
            print(f"| {name}, /api/v1 in raw | {rest:.1f} | |\n| {name}, /api/v3 | {drop_in:.1f} | {ratios[name]:.2f} |")
    good = ratios["hit"] <= MOST_TIMES_HIT and ratios["uncached"] <= MOST_TIMES_UNCACHED
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    harness.run(main)
