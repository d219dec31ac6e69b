#!/usr/bin/env python3
"""Compares the CPU time of a cached call of an MCP tool with the same REST hits.

    cargo build --release
    python3 benches/mcp.py

Needs Linux. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of `vt4ai --demo`, divided by the number of requests, which one
connection sends one after another. The kinds of request take turns in several rounds, and the result is the median of
the rounds. A call of a tool answers with text and structured content; it is compared with the hits that answer with either,
and with both together.

Exit status: 0; 1 if a call costs more than twice both hits; 2 if it can't be measured.
"""

import http.client
import json
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
import compare  # noqa: E402  (Python finds these beside this file)
import harness  # noqa: E402

MOST_TIMES = 2.0
TROJAN = "de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185"
MODERN = "2026-07-28"
META = "io.modelcontextprotocol"


def call(tool, arguments):
    """Returns the request that calls a tool."""
    meta = {f"{META}/protocolVersion": MODERN, f"{META}/clientCapabilities": {}}
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return "POST", "/mcp", body, headers


def hit(query, accept):
    """Returns the request of a report in brief."""
    return "GET", f"/api/v1/lookup?indicator={TROJAN}&view=brief{query}", None, {"Accept": accept}


KINDS = {
    "REST, JSON": hit("&max_tokens=420", "application/json"),
    "REST, Markdown": hit("&max_tokens=300", "text/markdown"),
    "lookup": call("lookup", {"indicators": [TROJAN]}),
    "get_report": call("get_report", {"indicator": TROJAN}),
}


def send(connection, request):
    """Sends a request and checks that it was answered."""
    method, path, body, headers = request
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200 or b"malicious" not in answer:
        raise harness.CannotMeasure(answer[:300].decode())


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=5000)
    arguments = parser.parse_args()
    port = harness.free_port()
    command = [arguments.binary, "--demo", "--port", str(port), "--client-rate-per-minute", "0", "--max-workers", "1"]
    gateway = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        harness.wait_for_port(port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        rounds = {name: [] for name in KINDS}
        for request in KINDS.values():
            for _ in range(200):
                send(connection, request)
        for _ in range(arguments.rounds):
            for name, request in KINDS.items():
                before = compare.cpu_seconds(gateway.pid)
                for _ in range(arguments.requests):
                    send(connection, request)
                rounds[name].append((compare.cpu_seconds(gateway.pid) - before) / arguments.requests * 1e6)
    finally:
        harness.stop(gateway)
    micros = {name: statistics.median(all_of_it) for name, all_of_it in rounds.items()}
    for name, figure in micros.items():
        print(f"{name:16} {figure:6.1f} us")
    both = micros["REST, JSON"] + micros["REST, Markdown"]
    times = max(micros["lookup"], micros["get_report"]) / (both / 2)
    print(f"a call of a tool: {times:.2f} times a hit")
    return 0 if times <= MOST_TIMES else 1


harness.run(main)
