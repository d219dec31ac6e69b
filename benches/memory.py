#!/usr/bin/env python3
"""Measures the gateway's memory: idle, and after many lookups with a small cache and with the default one.

    cargo build --release
    python3 benches/memory.py

Needs Linux, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end. An nginx plays
VirusTotal and answers every hash with a gzipped report of 52 KB that contains that hash. The hashes are requested
cyclically, which is the worst order for a cache.

Exit status: 0; 1 if the gateway uses more memory than allowed or failed requests; 2 if it can't be measured. A MB is
1,000,000 bytes.
"""

import json
import os
import sys
import time

sys.dont_write_bytecode = True
import compare  # noqa: E402  (Python finds these beside this file)
import harness  # noqa: E402

MOST_IDLE_MB = 20
# Bytes of the cache, requests, files, and the MB allowed afterwards.
LOADS = [(16 << 20, 100_000, 10_000, 60), (256 << 20, 100_000, 50_000, 400)]
# The placeholder in the report for the requested hash, and as long as a hash.
PLACE = "5f" * 32


def virustotal(port, directory):
    """Returns the server block of a VirusTotal whose report contains the requested hash."""
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
    """Sends one request; raises unless the answer contains the requested hash."""
    sha256 = "a0" * 32
    status, _, body = harness.get(port, f"/api/v1/files/{sha256}", {"X-API-Key": harness.KEY})
    if status != 200 or json.loads(body)["data"]["sha256"] != sha256:
        raise harness.CannotMeasure(f"the gateway answers {status}: {body[:300]!r}")


def send_all(directory, core, port, requests, hashes):
    """Sends the requests, a few seconds at a time; returns the numbers of requests and of failed ones."""
    sent = failed = 0
    deadline = time.monotonic() + 600
    while sent < requests:
        if time.monotonic() > deadline:
            raise harness.CannotMeasure(f"only {sent} requests in ten minutes")
        more, failures = compare.load(directory, core, port, "/api/v1/files/", {"X-API-Key": harness.KEY}, 5,
                                      first=sent, distinct=hashes, prefix="0" * 8)
        sent, failed = sent + more, failed + failures
    return sent, failed


def measure(stack, options, directory, cores, upstream, cache):
    """Starts a gateway with a cache of this size; returns its process id, its port and its idle memory in MB."""
    pid, port = compare.start_gateway(stack, options, directory, cores, upstream, CACHE_MAX_BYTES=cache)
    time.sleep(1)
    return pid, port, harness.resident_mb(pid)


def main():
    """Measures and judges; returns the exit status."""
    options = harness.command_line(__doc__).parse_args()
    # All cores for the gateway, so that it has as many worker threads as in production.
    cores = sorted(os.sched_getaffinity(0))
    rows, good = [], True
    with harness.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(compare.file_report(PLACE))
        upstream = harness.free_port()
        compare.start_nginx(stack, directory, "upstream", cores[-1:], virustotal(upstream, directory), upstream)
        for cache, requests, hashes, most in LOADS:
            pid, port, idle = measure(stack, options, directory, cores, upstream, cache)
            check(port)
            sent, failed = send_all(directory, cores[-1], port, requests, hashes)
            time.sleep(1)
            loaded, peak = harness.resident_mb(pid), harness.resident_mb(pid, "VmHWM")
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
    harness.run(main)
