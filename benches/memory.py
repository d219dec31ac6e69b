#!/usr/bin/env python3
"""What the gateway holds in memory: idle, and after many lookups of many files, with a small cache and the usual one.

    cargo build --release
    python3 benches/memory.py

Needs Linux, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end. An nginx plays
VirusTotal and answers every hash with a gzipped report of 52 KB that carries that hash. The hashes come round in order,
the worst one for a cache.

Exit status: 0; 1 if the gateway holds more than is allowed, or failed requests; 2 if it can't be measured. A MB is
1,000,000 bytes.
"""

import json
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True
import compare  # noqa: E402  (a neighbour: Python finds it beside this file)

MOST_IDLE_MB = 20
# Bytes of the cache, requests, files, and what may be held afterwards.
LOADS = [(16 << 20, 100_000, 10_000, 60), (256 << 20, 100_000, 50_000, 400)]
# Stands in the report where the hash asked for belongs; as long as one.
PLACE = "5f" * 32


def memory(pid, field="VmRSS"):
    """Resident memory of a process in MB; with `VmHWM`, the most it ever was."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise compare.CannotMeasure(f"no {field} of process {pid}")


def virustotal(port, directory):
    """The server block of a VirusTotal whose report carries the hash asked for."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; root {directory}; charset utf-8; charset_types application/json;
            types {{ application/json json; }} gzip on; gzip_comp_level 1; gzip_types application/json;
            location ~ ^/api/v3/files/(?<asked>[0-9a-f]+)$ {{
                sub_filter {PLACE} $asked; sub_filter_once off; sub_filter_types application/json;
                try_files /report.json =404;
            }}
            location = /upstream-status {{ stub_status; }}
        }}"""


def check(port):
    """One request, before the many: does the answer carry the hash that was asked for?"""
    sha256 = "a0" * 32
    status, _, body = compare.get(port, f"/api/v1/files/{sha256}", {"X-API-Key": compare.KEY})
    if status != 200 or json.loads(body)["data"]["sha256"] != sha256:
        raise compare.CannotMeasure(f"the gateway answers {status}: {body[:300]!r}")


def send_all(directory, core, port, requests, hashes):
    """Sends the requests, in portions of some seconds; how many there were and how many failed."""
    sent = failed = 0
    deadline = time.monotonic() + 600
    while sent < requests:
        if time.monotonic() > deadline:
            raise compare.CannotMeasure(f"only {sent} requests in ten minutes")
        more, failures = compare.load(directory, core, port, "/api/v1/files/", {"X-API-Key": compare.KEY}, 5,
                                      first=sent, distinct=hashes, prefix="0" * 8)
        sent, failed = sent + more, failed + failures
    return sent, failed


def measure(stack, options, directory, cores, upstream, cache):
    """Starts a gateway with such a cache; its process id, its port, and the MB it holds idle."""
    pid, port = compare.start_gateway(stack, options, directory, cores, upstream, CACHE_MAX_BYTES=cache)
    time.sleep(1)
    return pid, port, memory(pid)


def main():
    """Measures and judges; the exit status."""
    options = compare.command_line(__doc__).parse_args()
    # All cores for the gateway: as many worker threads as its users have.
    cores = sorted(os.sched_getaffinity(0))
    rows, good = [], True
    with compare.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(compare.file_report(PLACE))
        upstream = compare.free_port()
        compare.start_nginx(stack, directory, "upstream", cores[-1:], virustotal(upstream, directory), upstream)
        for cache, requests, hashes, most in LOADS:
            pid, port, idle = measure(stack, options, directory, cores, upstream, cache)
            check(port)
            sent, failed = send_all(directory, cores[-1], port, requests, hashes)
            time.sleep(1)
            loaded, peak = memory(pid), memory(pid, "VmHWM")
            what = f"{sent} requests for {hashes} files, a cache of {cache >> 20} MiB"
            rows += [("idle", idle, MOST_IDLE_MB), (f"after {what}; {failed} failed", loaded, most), ("its peak", peak, most)]
            good = good and idle <= MOST_IDLE_MB and peak <= most and failed == 0
    print("| gateway | resident MB | at most |")
    print("|---|---:|---:|")
    for what, held, most in rows:
        print(f"| {what} | {held:.1f} | {most} |")
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    compare.run(main)
