#!/usr/bin/env python3
"""An upload on its way through: CPU for one GiB against nginx, and what the gateway holds in memory meanwhile.

    cargo build --release
    python3 benches/upload.py

Needs Linux with two cores, nginx and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

What is measured: user and system time of the server, all its threads, while a form of 512 MiB goes through it twice,
with a length and none of it buffered (nginx: `proxy_request_buffering off`). Each server is one worker on one core; who
sends and who plays VirusTotal are on another, throw the bytes away and say how many came. The servers take turns in
several rounds, and the median of the rounds counts. Memory is what the gateway, with as many threads as there are cores,
held at most while 650 MB passed through, less what it held before.

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
import compare  # noqa: E402  (a neighbour: Python finds it beside this file)
import memory  # noqa: E402

MOST_TIMES_NGINX = 1.5
MOST_GROWTH_MB = 16
BOUNDARY = "------------------------bench"
HEAD = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n").encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
PIECE = os.urandom(1 << 20)


# The VirusTotal that throws everything away

def read_head(connection):
    """The request line, the header fields in lower case, and what came of the body with them."""
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
    """Answers the requests of one connection; those that post say how many bytes they brought."""
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
    """Serves one connection at a time; a keep-alive one that is idle gives way to the next."""
    os.sched_setaffinity(0, [core])
    port = listener.getsockname()[1]
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            serve(connection, port)
            os._exit(0)
        connection.close()


def start_sink(stack, core):
    """The port of a VirusTotal of its own process."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=sink, args=(listener, core), daemon=True)
    process.start()
    stack.callback(process.kill)
    return listener.getsockname()[1]


# The measurement

def send(port, path, pieces):
    """Sends a form with a file of so many MiB, and checks that all of it arrived."""
    length = len(HEAD) + pieces * len(PIECE) + len(TAIL)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {compare.KEY}\r\n"
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
        raise compare.CannotMeasure(f"{path} answers {answer[:400]!r}")


def proxy(port, upstream):
    """The server block of an nginx that passes uploads on as they come."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; client_max_body_size 0;
            location / {{
                proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_request_buffering off;
            }}
            location = /upstream-status {{ stub_status; }}
        }}"""


def cost(pid, port, path):
    """Seconds of CPU for one GiB."""
    spent = compare.cpu_seconds(pid)
    for _ in range(2):
        send(port, path, 512)
    return compare.cpu_seconds(pid) - spent


def growth(stack, options, directory, cores, upstream):
    """How many MB more the gateway held at most while 650 MB passed through."""
    pid, port = compare.start_gateway(stack, options, directory, cores, upstream, MAX_WORKERS=len(cores))
    compare.get(port, "/livez")
    before = memory.memory(pid)
    send(port, "/api/v1/files", 619)
    return before, memory.memory(pid, "VmHWM") - before


def main():
    """Measures and judges; the exit status."""
    parser = compare.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server_core, load_core = compare.two_cores()
    with compare.workplace() as (directory, stack):
        upstream, front = start_sink(stack, load_core), compare.free_port()
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
    compare.run(main)
