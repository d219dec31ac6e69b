#!/usr/bin/env python3
"""Measures a job of 10,000 rows, and the CPU of a hit from disk against one from memory.

    cargo build --release
    python3 benches/bulk.py

Needs Linux and wrk. Everything listens on 127.0.0.1 and is stopped at the end. The job has 3,000 different addresses, 2,500 of
which are kept: it says when the last kept row is out, how many calls VirusTotal gets, and by how much memory grows. Then
a gateway whose memory holds almost nothing answers from disk, beside one that answers from memory, in turns.

Exit status: 0; 1 if the job asks VirusTotal for anything but what was not kept; 2 if it can't be measured.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402  (Python finds it beside this file)

ADDRESSES = [f"8.{a}.{b}.{c}" for a in range(3) for b in range(25) for c in range(1, 41)]
KEPT = 2500
ROUNDS = 7
SECONDS = 3
# As `ADDRESSES`.
SCRIPT = """
local at = 0
request = function()
    local a, b, c = math.floor(at / 1000), math.floor(at / 40) % 25, at % 40 + 1
    at = (at + 1) % 3000
    return wrk.format("GET", string.format("/api/v1/ips/8.%d.%d.%d", a, b, c))
end
"""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class VirusTotal(http.server.BaseHTTPRequestHandler):
    """Answers each address with a report of about 10 KB."""
    protocol_version = "HTTP/1.1"
    calls = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        VirusTotal.calls += "/ip_addresses/" in self.path
        stats = {"malicious": 7, "suspicious": 1, "harmless": 50, "undetected": 20, "timeout": 0}
        engines = {f"Engine {number}": {
            "category": "malicious" if number < 7 else "harmless", "result": "phishing", "method": "blacklist",
            "engine_name": f"Engine {number}"} for number in range(78)}
        attributes = {"last_analysis_stats": stats, "last_analysis_date": int(time.time()), "country": "NL",
                      "as_owner": "An Owner", "last_analysis_results": engines}
        address = self.path.rpartition("/")[2]
        body = json.dumps({"data": {"id": address, "type": "ip_address", "attributes": attributes}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def gateway(stack, binary, upstream, **settings):
    """Starts a gateway; returns its process and port."""
    port = harness.free_port()
    variables = harness.environment(port, upstream, API_KEY="a1" * 32, LOG_LEVEL="WARN", **settings)
    process = subprocess.Popen([binary], env=variables, start_new_session=True)
    stack.callback(harness.stop, process)
    harness.wait_for_port(port)
    return process, port


def cpu_ms(process):
    """Returns the CPU time of a process so far."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def look_up(port, rows):
    """Sends a job; yields each line of the answer with the seconds since the request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.monotonic()
    connection.request("POST", "/api/v1/lookup", json.dumps({"indicators": rows}), {"content-type": "application/json"})
    for line in connection.getresponse():
        yield time.monotonic() - started, json.loads(line)
    connection.close()


def job(process, port):
    """Measures the job; returns whether VirusTotal was asked for what was not kept, and nothing else."""
    for _ in look_up(port, ADDRESSES[:KEPT]):
        pass
    calls, idle, done = VirusTotal.calls, harness.resident_mb(process.pid), threading.Event()
    peak = [idle]

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], harness.resident_mb(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    kept, last = set(ADDRESSES[:KEPT]), 0
    for seconds, line in look_up(port, (ADDRESSES * 4)[:10_000]):
        if line.get("given") in kept:
            last = seconds
    done.set()
    watcher.join()
    asked = VirusTotal.calls - calls
    print(f"job: the last kept row after {last:.2f} s, all after {seconds:.2f} s; {asked} calls to VirusTotal; "
          f"memory {idle:.0f} MB, at most {peak[0] - idle:.1f} MB more")
    return asked == len(ADDRESSES) - KEPT


def check(port):
    """Raises unless each address is a hit."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for address in ADDRESSES:
        connection.request("GET", f"/api/v1/ips/{address}")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200 or answer.headers["x-cache"] != "HIT":
            raise harness.CannotMeasure(f"{address}: {answer.status}, X-Cache: {answer.headers['x-cache']}")
    connection.close()


def hits(directory, process, port):
    """Returns the CPU time in µs of one answer, with all addresses asked for in turn over 16 connections."""
    script = directory / "addresses.lua"
    script.write_text(SCRIPT)
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    before = cpu_ms(process)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    spent = cpu_ms(process) - before
    requests = re.search(r"(\d+) requests in", done.stdout)
    if not requests or "Non-2xx" in done.stdout:
        raise harness.CannotMeasure(done.stdout)
    return spent * 1000 / int(requests[1])


def main():
    parser = harness.command_line(__doc__)
    binary = parser.parse_args().binary
    with harness.workplace() as (directory, stack):
        upstream = Server(("127.0.0.1", 0), VirusTotal)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        stack.callback(upstream.shutdown)
        is_exact = job(*gateway(stack, binary, upstream.server_port))
        cache = directory / "cache"
        # Answers of this size: about fifty fit, so that the next round finds none of them in memory.
        disk = gateway(stack, binary, upstream.server_port, CACHE_DIR=cache, CACHE_MAX_BYTES=500_000)
        memory = gateway(stack, binary, upstream.server_port)
        for _, port in (disk, memory):
            for _ in look_up(port, ADDRESSES):
                pass
        time.sleep(2)  # the last answers reach the disk
        for _, port in (disk, memory):
            check(port)
        rounds = [(hits(directory, *disk), hits(directory, *memory)) for _ in range(ROUNDS)]
        ratios = [from_disk / from_memory for from_disk, from_memory in rounds]
        from_disk, from_memory = (statistics.median(column) for column in zip(*rounds))
        print(f"a hit: {from_disk:.0f} µs of CPU from disk, {from_memory:.0f} µs from memory; "
              f"median of {ROUNDS} ratios {statistics.median(ratios):.2f}")
    return 0 if is_exact else 1


if __name__ == "__main__":
    harness.run(main)
