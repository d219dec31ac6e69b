#!/usr/bin/env python3
"""Compares the CPU time of an upload with nginx, and measures the memory that the gateway uses meanwhile.

    cargo build --release
    python3 benches/upload.py

Needs Linux with two cores, nginx and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of a server while a form of 512 MiB passes through it twice, with
a `Content-Length` and without buffering (nginx: `proxy_request_buffering off`). Each server is one worker on one core.
The sender and the upstream, which discards the bytes and reports their number, run on another. The servers take turns
in several rounds, and the result is the median of the rounds. Memory is the increase of the gateway's resident memory,
with as many threads as there are cores, to its maximum while 650 MB pass through.

Exit status: 0; 1 if the gateway costs more than 1.5 times nginx or grows by 16 MB; 2 if it can't be measured. A MB is
1,000,000 bytes.
"""

import json
import multiprocessing
import os
import socket
import statistics
import sys

sys.dont_write_bytecode = True
import compare  # noqa: E402  (Python finds these beside this file)
import harness  # noqa: E402

MOST_TIMES_NGINX = 1.5
MOST_GROWTH_MB = 16
BOUNDARY = "------------------------bench"
HEAD = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n").encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
PIECE = os.urandom(1 << 20)


# The upstream that discards everything

def read_head(connection):
    """Returns the request line, the header fields in lower case, and the part of the body received with them."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None, {}, b""
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}, rest


def serve(connection, port):
    """Answers the requests of one connection; a POST with the number of bytes received."""
    buffer = bytearray(1 << 20)
    while True:
        line, fields, rest = read_head(connection)
        if line is None:
            return
        length = int(fields.get("content-length", 0))
        came = len(rest)
        while came < length:
            got = connection.recv_into(buffer)
            if not got:
                return
            came += got
        url = f"http://127.0.0.1:{port}/_ah/upload/bench"
        data = url if line.startswith("GET") else {"type": "analysis", "id": f"{came}"}
        body = json.dumps({"data": data}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(body), body))


def sink(listener, core):
    """Serves each connection in a process of its own, all of them on one core."""
    os.sched_setaffinity(0, [core])
    port = listener.getsockname()[1]
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            serve(connection, port)
            os._exit(0)
        connection.close()


def start_sink(stack, core):
    """Starts the upstream in a process of its own; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=sink, args=(listener, core), daemon=True)
    process.start()
    stack.callback(process.kill)
    return listener.getsockname()[1]


# The measurement

def send(port, path, pieces):
    """Sends a form with a file of `pieces` MiB, and checks that all of it arrived."""
    length = len(HEAD) + pieces * len(PIECE) + len(TAIL)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {harness.KEY}\r\n"
                           f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
                           f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode() + HEAD)
        for _ in range(pieces):
            connection.sendall(PIECE)
        connection.sendall(TAIL)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split()[1] not in (b"200", b"202") or json.loads(body)["data"]["id"] != str(length):
        raise harness.CannotMeasure(f"{path} answers {answer[:400]!r}")


def proxy(port, upstream):
    """Returns the server block of an nginx that forwards uploads without buffering."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; client_max_body_size 0;
            location / {{
                proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_request_buffering off;
            }}
            location = /upstream-status {{ stub_status; }}
        }}"""


def cost(pid, port, path):
    """Returns the seconds of CPU for one GiB."""
    spent = compare.cpu_seconds(pid)
    for _ in range(2):
        send(port, path, 512)
    return compare.cpu_seconds(pid) - spent


def growth(stack, options, directory, cores, upstream):
    """Returns the gateway's memory in MB before 650 MB pass through, and its largest increase meanwhile."""
    pid, port = compare.start_gateway(stack, options, directory, cores, upstream, MAX_WORKERS=len(cores))
    harness.get(port, "/livez")
    before = harness.resident_mb(pid)
    send(port, "/api/v1/files", 619)
    return before, harness.resident_mb(pid, "VmHWM") - before


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server_core, load_core = compare.two_cores()
    with harness.workplace() as (directory, stack):
        upstream, front = start_sink(stack, load_core), harness.free_port()
        worker = compare.start_nginx(stack, directory, "front", [server_core], proxy(front, upstream), front)
        pid, port = compare.start_gateway(stack, options, directory, [server_core], upstream, MAX_WORKERS=1)
        os.sched_setaffinity(0, [load_core])
        servers = {"nginx, unbuffered": (worker, front, "/_ah/upload/bench"), "this gateway": (pid, port, "/api/v1/files")}
        rounds = {name: [] for name in servers}
        for number in range(options.rounds):
            for name, server in servers.items():
                rounds[name].append(cost(*server))
                print(f"round {number + 1}: {name}: {rounds[name][-1]:.2f} s/GiB", file=sys.stderr)
        before, grown = growth(stack, options, directory, [server_core, load_core], upstream)
    nginx, ours = (statistics.median(rounds[name]) for name in servers)
    print("| server | CPU s/GiB | times nginx |")
    print("|---|---:|---:|")
    print(f"| nginx, unbuffered | {nginx:.2f} | 1.00 |")
    print(f"| this gateway | {ours:.2f} | {ours / nginx:.2f} |")
    print(f"\nResident before: {before:.1f} MB; at most {grown:.1f} MB more while 650 MB passed through.")
    good = ours <= MOST_TIMES_NGINX * nginx and grown < MOST_GROWTH_MB
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    harness.run(main)
