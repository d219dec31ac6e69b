#!/usr/bin/env python3
"""CPU for one request: nginx as a bare proxy, this gateway, the Python original.

    cargo build --release
    python3 benches/compare.py [--python VENV/bin/python] [--against OTHER/vt4ai]

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

What is measured: user and system time of the server, all its threads, divided by the requests wrk counted. Each server
is one worker on one core, wrk is on another; the servers take turns in several rounds, and the median of the rounds
counts. All of them fetch the same report of 52 KB, gzipped, from an nginx that plays VirusTotal:

- nginx passes the bytes on. Its worker also is that VirusTotal, so its figure holds both.
- The gateway and the Python original fetch it from one on wrk's core, filter it by the default template and send JSON,
  which wrk does not ask to be compressed (the original can't). Both log as they do by default, to nowhere.

Every request asks for another hash, each answered with the same report: were it always the same one, the gateway's
cache and its coalescing would answer. That each did reach the upstream is checked.

Exit status: 0; 1 if the gateway costs more than 5 times nginx or more than 1/20 of the original, or if a server failed
requests; 2 if it can't be measured. With `--against` an earlier build takes its turn in every round, and the median of
the rounds' ratios is told.
"""

import argparse
import contextlib
import dataclasses
import gzip
import http.client
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST_TIMES_NGINX = 5
LEAST_GAIN_ON_PYTHON = 20
KEY = "bench-key"
EARLIER = "an earlier build"
# What is measured is the gateway, not its limits.
NO_LIMITS = {f"VT4AI_{name}": "0" for name in
             ("CLIENT_RATE_PER_MINUTE", "RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_PER_DAY", "RATE_LIMIT_PER_MONTH")}
# 52 KB to within 2 %, whether a KB is 1000 or 1024 bytes.
REPORT_BYTES = range(52_183, 53_040)
ENGINES = """ALYac APEX AVG Acronis AhnLab-V3 Alibaba Antiy-AVL Arcabit Arctic-Wolf Avast Avast-Mobile Avira Baidu
BitDefender BitDefenderFalx Bkav CAT-QuickHeal CMC CTX ClamAV CrowdStrike Cylance Cynet DeepInstinct DrWeb
ESET-NOD32 Elastic Emsisoft F-Secure Fortinet GData Google Gridinsoft Huorong Ikarus Jiangmin K7AntiVirus K7GW
Kaspersky Kingsoft Lionic Malwarebytes MaxSecure McAfeeD MicroWorld-eScan Microsoft NANO-Antivirus Paloalto Panda
Rising SUPERAntiSpyware Sangfor SecureAge SentinelOne Skyhigh Sophos Symantec SymantecMobileInsight TACHYON Tencent
Trapmine TrellixENS TrendMicro TrendMicro-HouseCall Trustlook VBA32 VIPRE Varist ViRobot VirIT Webroot Xcitium
Yandex Zillya ZoneAlarm Zoner alibabacloud tehtris""".split()[:75]
WRK_SCRIPT = """
local count, distinct, prefix
function init(args)
  prefix, count, distinct = args[1], tonumber(args[2]), tonumber(args[3])
end
function request()
  count = count + 1
  return wrk.format(nil, string.format("%s%056x", prefix, count % distinct))
end
"""


class CannotMeasure(Exception):
    """What is missing or broken, for the user."""


# The report

def file_report(sha256):
    """A file report in VirusTotal's shape, invented, always the same, as the bytes VirusTotal would print."""
    dice = random.Random(52)

    def word(length):
        return "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=length))

    def digest(length):
        return f"{dice.getrandbits(4 * length):0{length}x}"

    def verdict(engine):
        malicious = dice.random() < 0.7
        return {
            "method": "blacklist",
            "engine_name": engine,
            "engine_version": f"{dice.randrange(30)}.{dice.randrange(20)}.{dice.randrange(9999)}.0",
            "engine_update": f"202409{dice.randrange(1, 31):02}",
            "category": "malicious" if malicious else "undetected",
            "result": f"Trojan.Win32.{word(8).capitalize()}.{word(3)}!{digest(6)}" if malicious else None,
        }

    names = [f"{word(9)}.exe" for _ in range(20)]
    attributes = {
        "type_description": "Win32 EXE", "type_tag": "peexe", "type_extension": "exe", "magic": "PE32 executable (GUI)",
        "md5": digest(32), "sha1": digest(40), "sha256": sha256, "vhash": digest(40), "authentihash": digest(64),
        "ssdeep": f"6144:{word(48)}:{word(40)}", "tlsh": f"T1{digest(70).upper()}", "size": 481_280,
        "creation_date": 1_693_526_400, "first_submission_date": 1_693_612_800, "last_submission_date": 1_725_148_800,
        "last_analysis_date": 1_725_148_811, "last_modification_date": 1_725_152_400, "times_submitted": 41,
        "unique_sources": 17, "reputation": -53, "downloadable": True, "meaningful_name": names[0], "names": names,
        "total_votes": {"harmless": 1, "malicious": 9}, "tags": ["peexe", "overlay", "long-sleeps", "detect-debug"],
        "last_analysis_stats": {"malicious": 52, "suspicious": 0, "undetected": 23, "harmless": 0, "timeout": 0},
        "last_analysis_results": {engine: verdict(engine) for engine in ENGINES},
        "pe_info": {
            "timestamp": 1_693_526_400, "machine_type": 332, "entry_point": 173_424, "imphash": digest(32),
            "sections": [{
                "name": f".{word(5)}", "chi2": round(dice.uniform(0, 1e6), 2), "virtual_address": 4096 * (number + 1),
                "entropy": round(dice.uniform(0, 8), 2), "raw_size": dice.randrange(1 << 18), "flags": "rx",
                "virtual_size": dice.randrange(1 << 18), "md5": digest(32),
            } for number in range(8)],
            "resource_details": [{
                "lang": "ENGLISH US", "chi2": round(dice.uniform(0, 1e6), 2), "filetype": "Data", "type": "RT_ICON",
                "entropy": round(dice.uniform(0, 8), 12), "sha256": digest(64),
            } for _ in range(20)],
            "import_list": [{
                "library_name": f"{word(8).upper()}.dll",
                "imported_functions": [word(5).capitalize() + word(8).capitalize() for _ in range(30)],
            } for _ in range(8)],
        },
    }
    links = {"self": f"https://www.virustotal.com/api/v3/files/{sha256}"}
    report = {"data": {"id": sha256, "type": "file", "links": links, "attributes": attributes}}
    while True:
        text = json.dumps(report, indent=4).encode()
        if len(text) >= REPORT_BYTES.start:
            break
        names.append(f"{word(16)}.exe")
    if len(text) not in REPORT_BYTES:
        raise CannotMeasure(f"the report has {len(text)} bytes, not 52 KB")
    return text


# Servers

def free_port():
    """A port nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path, headers=None, timeout=10):
    """The status, headers and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def stop(process):
    """Ends a process and whatever it started: they are a session of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def start(stack, command, cores, directory, port, path, env=None):
    """Starts a server on some cores and waits until it answers; the stack stops it."""
    # A clean environment: neither a proxy nor a setting of the caller's takes part. The directory holds no `.env`.
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **(env or {})}
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]
    process = subprocess.Popen(pinned, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    stack.callback(stop, process)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotMeasure(f"ended at once, with status {process.returncode}: {' '.join(pinned)}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(port, path, timeout=1)[0] < 500:
                return process.pid
        time.sleep(0.05)
    raise CannotMeasure(f"does not answer: {' '.join(pinned)}")


def start_nginx(stack, directory, name, cores, servers, port):
    """Starts nginx with one worker and some server blocks; the worker's process id."""
    conf = directory / f"{name}.conf"
    # As root, nginx would change to a user who can't read the directory.
    user = "user root;" if os.geteuid() == 0 else ""
    scratch = " ".join(f"{kind}_temp_path {directory}/{name}-{kind};"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf.write_text(f"""
        {user} daemon off; worker_processes 1; pid {directory}/{name}.pid; error_log /dev/null crit;
        events {{ worker_connections 1024; }}
        http {{ access_log off; keepalive_requests 1000000000; {scratch} {servers} }}
    """)
    binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not binary:
        raise CannotMeasure("not found: nginx")
    master = start(stack, [binary, "-e", "/dev/null", "-c", conf], cores, directory, port, "/upstream-status")
    workers = pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split()
    if len(workers) != 1:
        raise CannotMeasure(f"nginx has {len(workers)} workers, not one")
    return int(workers[0])


def virustotal(port, directory):
    """The server block of a VirusTotal that answers every file hash with the one report."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; root {directory};
            types {{}} default_type "application/json; charset=utf-8"; gzip_static on; gzip_proxied any;
            location /api/v3/files/ {{ try_files /report.json =404; }}
            location = /upstream-status {{ stub_status; }}
        }}"""


def proxy(port, upstream):
    """The server block of a bare reverse proxy."""
    return f"""
        upstream virustotal {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://virustotal; proxy_http_version 1.1; proxy_set_header Connection "";
            }}
        }}"""


def start_gateway(stack, options, directory, cores, upstream, binary=None, **settings):
    """Starts the gateway, or another build of it, with no key of its own, no limits, and these settings; its process id and port."""
    port = free_port()
    env = {
        "VT4AI_UPSTREAM_URL": f"http://127.0.0.1:{upstream}", "VT4AI_PORT": str(port), "VT4AI_LOG_LEVEL": "INFO",
        **NO_LIMITS, **{f"VT4AI_{name}": str(value) for name, value in settings.items()},
    }
    return start(stack, [(binary or options.binary).resolve()], cores, directory, port, "/livez", env), port


def start_python(stack, python, directory, core, upstream):
    """Starts the Python original, its VirusTotal client turned to our upstream; its process id and port."""
    (directory / "original.py").write_text(
        "import functools, os, vt\n"
        "vt.Client = functools.partial(vt.Client, host=os.environ['UPSTREAM'])\n"
        "from vt4ai.api.server import app\n")
    port = free_port()
    command = [python, "-m", "uvicorn", "original:app", "--host", "127.0.0.1", "--port", port, "--workers", 1]
    env = {"UPSTREAM": f"http://127.0.0.1:{upstream}"}
    return start(stack, command, [core], directory, port, "/", env), port


def upstream_requests(port):
    """How many requests an nginx has had so far."""
    return int(get(port, "/upstream-status")[2].split(b"\n")[2].split()[2])


# The measurement

def cpu_seconds(pid):
    """User and system time of a process so far, all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(directory, core, port, path, headers, seconds, first=0, distinct=1 << 40, prefix=None):
    """Runs wrk against `path` and ever other hashes; how many requests it counted, how many of them failed."""
    script = directory / "hashes.lua"
    script.write_text(WRK_SCRIPT)
    command = ["taskset", "-c", str(core), "wrk", "-t1", "-c16", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    prefix = path + (prefix or secrets.token_hex(4))
    command += [f"http://127.0.0.1:{port}", "--", prefix, str(first), str(distinct)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
                          check=False)
    requests = re.search(r"(\d+) requests in", done.stdout)
    if done.returncode != 0 or not requests:
        raise CannotMeasure(f"wrk failed: {done.stdout}{done.stderr}")
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
    failed = int(failures[1]) if failures else 0
    return int(requests[1]), failed + (sum(map(int, sockets.groups())) if sockets else 0)


@dataclasses.dataclass
class Server:
    """One server to measure, and what was seen of it."""

    name: str
    pid: int
    port: int
    # Of the upstream it asks.
    upstream: int
    path: str
    headers: dict
    seconds: int
    fewest: int
    requests: int = 0
    failures: int = 0
    rounds: list = dataclasses.field(default_factory=list)

    def measure(self, directory, core):
        """One round: a second to warm up, then the load."""
        load(directory, core, self.port, self.path, self.headers, 1)
        asked, spent = upstream_requests(self.upstream), cpu_seconds(self.pid)
        requests, failures = load(directory, core, self.port, self.path, self.headers, self.seconds)
        spent, asked = cpu_seconds(self.pid) - spent, upstream_requests(self.upstream) - asked
        if requests == 0:
            raise CannotMeasure(f"{self.name} answered nothing")
        if asked < requests - failures:
            raise CannotMeasure(f"{self.name} asked the upstream {asked} times for {requests} requests")
        self.requests += requests
        self.failures += failures
        self.rounds.append(1e6 * spent / requests)

    @property
    def cost(self):
        """Microseconds of CPU for one request."""
        return statistics.median(self.rounds)

    def check(self, report):
        """One request, before any is measured: is it this report, and whole?"""
        sha256 = report["data"]["id"]
        status, headers, body = get(self.port, self.path + sha256, {**self.headers, "Accept-Encoding": "identity"})
        if status != 200:
            raise CannotMeasure(f"{self.name} answers {status}: {body[:300]!r}")
        answer, attributes = json.loads(body), report["data"]["attributes"]
        data = answer["data"].get("attributes", answer["data"])
        engines = {name: verdict["result"] for name, verdict in data["last_analysis_results"].items()}
        expected = {name: verdict["result"] for name, verdict in attributes["last_analysis_results"].items()}
        if (data["sha256"], data["names"], engines) != (sha256, attributes["names"], expected):
            raise CannotMeasure(f"{self.name} answers something else: {body[:300]!r}")
        if headers.get("X-Cache", "MISS") != "MISS":
            raise CannotMeasure(f"{self.name} answers from its cache")


def start_all(stack, options, directory, server_core, load_core):
    """The upstreams and every server to measure."""
    own, shared, front = free_port(), free_port(), free_port()
    worker = start_nginx(stack, directory, "front", [server_core],
                         virustotal(own, directory) + proxy(front, own), own)
    start_nginx(stack, directory, "upstream", [load_core], virustotal(shared, directory), shared)
    yield Server("nginx, bare proxy", worker, front, own, "/api/v3/files/", {"Accept-Encoding": "gzip"},
                 options.seconds, 5000)
    pid, port = start_gateway(stack, options, directory, [server_core], shared, MAX_WORKERS=1)
    yield Server("this gateway", pid, port, shared, "/api/v1/files/", {"X-API-Key": KEY}, options.seconds, 5000)
    if options.against:
        pid, port = start_gateway(stack, options, directory, [server_core], shared, options.against, MAX_WORKERS=1)
        yield Server(EARLIER, pid, port, shared, "/api/v1/files/", {"X-API-Key": KEY}, options.seconds, 5000)
    if options.python:
        pid, port = start_python(stack, options.python.absolute(), directory, server_core, shared)
        yield Server("Python original", pid, port, shared, "/api/v1/files/", {"x-apikey": KEY}, options.seconds, 1000)


def verdict(servers):
    """What is out of bounds, a line each."""
    nginx, gateway, *python = (server for server in servers if server.name != EARLIER)
    for server in servers:
        if server.failures:
            yield f"{server.name}: {server.failures} of {server.requests} requests failed"
        if server.requests < server.fewest:
            yield f"{server.name}: only {server.requests} requests, {server.fewest} are needed (more --seconds)"
    if gateway.cost > MOST_TIMES_NGINX * nginx.cost:
        yield f"the gateway costs more than {MOST_TIMES_NGINX} times nginx"
    if python and gateway.cost * LEAST_GAIN_ON_PYTHON > python[0].cost:
        yield f"the gateway costs more than 1/{LEAST_GAIN_ON_PYTHON} of the Python original"


def print_table(servers):
    """The results as Markdown."""
    nginx, _, *python = (server for server in servers if server.name != EARLIER)
    print("| server | requests | CPU µs/request | times nginx | share of the Python original |")
    print("|---|---:|---:|---:|---:|")
    for server in servers:
        share = f"1/{python[0].cost / server.cost:.1f}" if python else "–"
        print(f"| {server.name} | {server.requests} | {server.cost:.1f} | {server.cost / nginx.cost:.2f} | {share} |")


@contextlib.contextmanager
def workplace():
    """A temporary directory and a stack that stops what is started, also when this script is told to stop."""
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        yield pathlib.Path(directory), stack


def command_line(doc):
    """What every benchmark takes: the gateway's binary."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/vt4ai", help="the gateway")
    parser.add_argument("--against", type=pathlib.Path, help="an earlier build to compare it with")
    return parser


def ratio(rounds, earlier):
    """The median of the ratios of each round, as text."""
    ratios = [new / old for new, old in zip(rounds, earlier, strict=True)]
    return f"{statistics.median(ratios):.3f} times the earlier build (each round: " + \
        ", ".join(f"{it:.2f}" for it in ratios) + ")"


def run(main):
    """Ends the script with the exit status of its `main`: 2 where it can't measure."""
    try:
        sys.exit(main())
    except (CannotMeasure, OSError, subprocess.SubprocessError) as error:
        print(f"can't measure: {error}", file=sys.stderr)
        sys.exit(2)


def two_cores():
    """A core for the server and one for the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("two cores are needed, one for the server and one for the load")
    return cores[:2]


def main():
    """Measures and judges; the exit status."""
    parser = command_line(__doc__)
    parser.add_argument("--python", type=pathlib.Path, help="a Python that has vt4ai[api], the original")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load, in each round for each server")
    options = parser.parse_args()
    report = file_report("5f" * 32)
    server_core, load_core = two_cores()
    with workplace() as (directory, stack):
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        servers = list(start_all(stack, options, directory, server_core, load_core))
        for server in servers[1:]:
            server.check(json.loads(report))
        for number in range(options.rounds):
            for server in servers:
                server.measure(directory, load_core)
                print(f"round {number + 1}: {server.name}: {server.rounds[-1]:.1f} µs", file=sys.stderr)
    print_table(servers)
    for earlier in (server for server in servers if server.name == EARLIER):
        print(f"This gateway costs {ratio(servers[1].rounds, earlier.rounds)}.")
    faults = list(verdict(servers))
    for fault in faults:
        print(f"FAIL: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    run(main)
