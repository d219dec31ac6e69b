#!/usr/bin/env python3
"""Compares the CPU time of an uncached report through nginx, a bare axum server, this gateway and the Python original.

    cargo build --release --bins --examples
    python3 benches/compare.py [--views] [--python VENV/bin/python] [--against OTHER/vt4ai]

Needs Linux with two cores, nginx, wrk and taskset. Everything listens on 127.0.0.1 and is stopped at the end.

The figure is the user and system time of all threads of a server, divided by the number of requests that wrk counted.
Each server is one worker on one core; wrk runs on another. The servers take turns in several rounds, and the result is
the median of the rounds. All servers fetch the same gzipped report of 52 KB from an nginx that plays VirusTotal:

- nginx is a bare proxy that forwards the bytes, once to a client that takes gzip and once to one that does not. Its worker
  also plays VirusTotal, so its figure includes both.
- The bare axum server (`benches/bare.rs`) fetches the report with reqwest, unpacks it and sends it unchanged.
- The gateway and the Python original fetch the report from an nginx on wrk's core, apply the default template and send
  JSON. wrk does not accept gzip, because the original can't compress. Both log at their default level to /dev/null.
- With `--views`, the gateway is also asked for Markdown, XML, a brief and a view of 2,000 tokens.

Every request has a hash of its own, because the gateway would answer a repeated one from its cache or coalesce it. The
script checks that each request reached the upstream.

With `--against`, an earlier build takes part in every round, and the script prints the median of the rounds' ratios.

Exit status: 0; 1 if a bound at the head of the script is exceeded or a server failed requests; 2 if it can't be measured.
"""

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
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402  (Python finds it beside this file)

NGINX = "nginx, gzip passed on"
NGINX_PLAIN = "nginx, no gzip"
BARE = "bare axum"
GATEWAY = "this gateway"
EARLIER = "an earlier build"
PYTHON = "the Python original"
VIEWS = {
    "": "",
    ", Markdown": "?format=markdown",
    ", XML": "?format=xml",
    ", brief": "?view=brief",
    ", 2,000 tokens": "?max_tokens=2000",
}
# The first costs at most so many times the CPU of the second.
MOST_TIMES = [
    (GATEWAY, NGINX, 5),
    (GATEWAY, PYTHON, 1 / 20),
]
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
local count, distinct, prefix, suffix
function init(args)
  prefix, count, distinct, suffix = args[1], tonumber(args[2]), tonumber(args[3]), args[4] or ""
end
function request()
  count = count + 1
  return wrk.format(nil, string.format("%s%056x%s", prefix, count % distinct, suffix))
end
"""


# The report

def file_report(sha256):
    """Returns an invented file report, formatted as by VirusTotal. It is the same in every run."""
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
        raise harness.CannotMeasure(f"the report has {len(text)} bytes, not 52 KB")
    return text


# Servers

def start(stack, command, cores, directory, port, path, env=None):
    """Starts a server on some cores and waits until it answers; the stack stops it."""
    # A clean environment: no proxy and no setting of the user takes effect. The directory has no `.env`.
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **(env or {})}
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]
    process = subprocess.Popen(pinned, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    stack.callback(harness.stop, process)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise harness.CannotMeasure(f"ended at once, with status {process.returncode}: {' '.join(pinned)}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if harness.get(port, path, timeout=1)[0] < 500:
                return process.pid
        time.sleep(0.05)
    raise harness.CannotMeasure(f"does not answer: {' '.join(pinned)}")


def start_nginx(stack, directory, name, cores, servers, port):
    """Starts nginx with one worker and some server blocks; returns the worker's process id."""
    conf = directory / f"{name}.conf"
    conf.write_text(f"""
        {harness.nginx_user()} daemon off; worker_processes 1; pid {directory}/{name}.pid; error_log /dev/null crit;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; keepalive_requests 1000000000; {harness.nginx_folders(f"{directory}/{name}-")} {servers}
        }}
    """)
    command = [harness.find("nginx"), "-e", "/dev/null", "-c", conf]
    master = start(stack, command, cores, directory, port, "/upstream-status")
    workers = pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split()
    if len(workers) != 1:
        raise harness.CannotMeasure(f"nginx has {len(workers)} workers, not one")
    return int(workers[0])


def virustotal(port, directory):
    """Returns the server block of a VirusTotal that answers every file hash with the same report."""
    return f"""
        server {{
            listen 127.0.0.1:{port}; root {directory};
            types {{}} default_type "application/json; charset=utf-8"; gzip_static on; gzip_proxied any;
            location /api/v3/files/ {{ try_files /report.json =404; }}
            location = /upstream-status {{ stub_status; }}
        }}"""


def proxy(port, upstream):
    """Returns the server block of a bare reverse proxy."""
    return f"""
        upstream virustotal {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://virustotal; proxy_http_version 1.1; proxy_set_header Connection "";
            }}
        }}"""


def start_gateway(stack, options, directory, cores, upstream, binary=None, **settings):
    """Starts the gateway or another build of it, without a key and without limits; returns its process id and port."""
    port = harness.free_port()
    env = harness.environment(port, upstream, **{"LOG_LEVEL": "INFO", **settings})
    return start(stack, [(binary or options.binary).resolve()], cores, directory, port, "/livez", env), port


def start_bare(stack, directory, core, upstream):
    """Starts the bare axum server, which sends `answer.json` as its file; returns its process id and port."""
    port, file = harness.free_port(), directory / "answer.json"
    if not file.exists():
        file.write_bytes(b"{}")
    binary = harness.ROOT / "target/release/examples/bare"
    command = [binary, port, f"http://127.0.0.1:{upstream}", file]
    return start(stack, command, [core], directory, port, "/livez"), port


def start_python(stack, python, directory, core, upstream):
    """Starts the Python original, its VirusTotal client pointed at our upstream; returns its process id and port."""
    (directory / "original.py").write_text(
        "import functools, os, vt\n"
        "vt.Client = functools.partial(vt.Client, host=os.environ['UPSTREAM'])\n"
        "from vt4ai.api.server import app\n")
    port = harness.free_port()
    command = [python, "-m", "uvicorn", "original:app", "--host", "127.0.0.1", "--port", port, "--workers", 1]
    env = {"UPSTREAM": f"http://127.0.0.1:{upstream}"}
    return start(stack, command, [core], directory, port, "/", env), port


def upstream_requests(port):
    """Returns the number of requests that an nginx has received."""
    return int(harness.get(port, "/upstream-status")[2].split(b"\n")[2].split()[2])


# The measurement

def cpu_seconds(pid):
    """Returns the user and system time that all threads of a process have used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(directory, core, port, path, headers, seconds, first=0, distinct=1 << 40, prefix=None, suffix=""):
    """Runs wrk against `path`, a changing hash and `suffix`; returns the numbers of requests and of failed ones."""
    script = directory / "hashes.lua"
    script.write_text(WRK_SCRIPT)
    command = ["taskset", "-c", str(core), "wrk", "-t1", "-c16", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    prefix = path + (prefix or secrets.token_hex(4))
    command += [f"http://127.0.0.1:{port}", "--", prefix, str(first), str(distinct), suffix]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
                          check=False)
    requests = re.search(r"(\d+) requests in", done.stdout)
    if done.returncode != 0 or not requests:
        raise harness.CannotMeasure(f"wrk failed: {done.stdout}{done.stderr}")
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
    failed = int(failures[1]) if failures else 0
    return int(requests[1]), failed + (sum(map(int, sockets.groups())) if sockets else 0)


@dataclasses.dataclass
class Server:
    """A server to measure, and its results."""

    name: str
    pid: int
    port: int
    # The port of its upstream.
    upstream: int
    path: str
    headers: dict
    seconds: int
    fewest: int
    # The query behind the hash.
    suffix: str = ""
    requests: int = 0
    failures: int = 0
    rounds: list = dataclasses.field(default_factory=list)

    def measure(self, directory, core):
        """Measures one round: a second to warm up, then the load."""
        load(directory, core, self.port, self.path, self.headers, 1, suffix=self.suffix)
        asked, spent = upstream_requests(self.upstream), cpu_seconds(self.pid)
        requests, failures = load(directory, core, self.port, self.path, self.headers, self.seconds, suffix=self.suffix)
        spent, asked = cpu_seconds(self.pid) - spent, upstream_requests(self.upstream) - asked
        if requests == 0:
            raise harness.CannotMeasure(f"{self.name} answered nothing")
        if asked < requests - failures:
            raise harness.CannotMeasure(f"{self.name} asked the upstream {asked} times for {requests} requests")
        self.requests += requests
        self.failures += failures
        self.rounds.append(1e6 * spent / requests)

    @property
    def cost(self):
        """The microseconds of CPU for one request."""
        return statistics.median(self.rounds)

    def check(self, report):
        """Sends one request before any is measured; raises unless the answer is the whole report."""
        sha256 = report["data"]["id"]
        plain = {**self.headers, "Accept-Encoding": "identity"}
        status, headers, body = harness.get(self.port, self.path + sha256, plain)
        if status != 200:
            raise harness.CannotMeasure(f"{self.name} answers {status}: {body[:300]!r}")
        answer, attributes = json.loads(body), report["data"]["attributes"]
        data = answer["data"].get("attributes", answer["data"])
        engines = {name: verdict["result"] for name, verdict in data["last_analysis_results"].items()}
        expected = {name: verdict["result"] for name, verdict in attributes["last_analysis_results"].items()}
        if (data["sha256"], data["names"], engines) != (sha256, attributes["names"], expected):
            raise harness.CannotMeasure(f"{self.name} answers something else: {body[:300]!r}")
        if headers.get("X-Cache", "MISS") != "MISS":
            raise harness.CannotMeasure(f"{self.name} answers from its cache")


def start_all(stack, options, directory, server_core, load_core):
    """Starts the upstreams and yields every server to measure."""
    own, shared, front = harness.free_port(), harness.free_port(), harness.free_port()
    worker = start_nginx(stack, directory, "front", [server_core],
                         virustotal(own, directory) + proxy(front, own), own)
    start_nginx(stack, directory, "upstream", [load_core], virustotal(shared, directory), shared)
    for name, headers in ((NGINX, {"Accept-Encoding": "gzip"}), (NGINX_PLAIN, {})):
        yield Server(name, worker, front, own, "/api/v3/files/", headers, options.seconds, 5000)
    pid, port = start_bare(stack, directory, server_core, shared)
    yield Server(BARE, pid, port, shared, "/proxy/", {}, options.seconds, 5000)
    builds = {GATEWAY: options.binary, **({EARLIER: options.against} if options.against else {})}
    for name, binary in builds.items():
        pid, port = start_gateway(stack, options, directory, [server_core], shared, binary, MAX_WORKERS=1)
        for view, query in (VIEWS if options.views else {"": ""}).items():
            yield Server(name + view, pid, port, shared, "/api/v1/files/", {"X-API-Key": harness.KEY}, options.seconds,
                         5000, query)
    if options.python:
        pid, port = start_python(stack, options.python.absolute(), directory, server_core, shared)
        yield Server(PYTHON, pid, port, shared, "/api/v1/files/", {"x-apikey": harness.KEY}, options.seconds, 1000)


def verdict(servers):
    """Yields a line for each bound that is exceeded."""
    for server in servers.values():
        if server.failures:
            yield f"{server.name}: {server.failures} of {server.requests} requests failed"
        if server.requests < server.fewest:
            yield f"{server.name}: only {server.requests} requests, {server.fewest} are needed (more --seconds)"
    for name, base, most in MOST_TIMES:
        if name in servers and base in servers and ratio(servers[name], servers[base]) > most:
            yield f"{name} costs more than {most:.3g} times {base}"


def print_table(servers):
    """Prints the results as a Markdown table."""
    bases = [name for name in (NGINX, NGINX_PLAIN, BARE, GATEWAY) if name in servers]
    print(f"| server | requests | CPU µs/request | {' | '.join(f'times {base}' for base in bases)} |")
    print("|---|" + "---:|" * (2 + len(bases)))
    for server in servers.values():
        times = " | ".join(f"{ratio(server, servers[base]):.2f}" for base in bases)
        print(f"| {server.name} | {server.requests} | {server.cost:.1f} | {times} |")


def ratio(server, base):
    """Returns the median of the rounds' ratios of two servers."""
    return median_ratio(server.rounds, base.rounds)


def median_ratio(rounds, base):
    """Returns the median of the ratios of two servers' rounds."""
    return statistics.median(new / old for new, old in zip(rounds, base, strict=True))


def compared(rounds, earlier):
    """Returns the ratios of two builds' rounds, as text."""
    each = ", ".join(f"{new / old:.2f}" for new, old in zip(rounds, earlier, strict=True))
    return f"{median_ratio(rounds, earlier):.3f} times the earlier build (each round: {each})"


def two_cores():
    """Returns a core for the server and one for the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise harness.CannotMeasure("two cores are needed, one for the server and one for the load")
    return cores[:2]


def main():
    """Measures and judges; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--against", type=pathlib.Path, help="an earlier build to compare it with")
    parser.add_argument("--python", type=pathlib.Path, help="a Python that has vt4ai[api], the original")
    parser.add_argument("--views", action="store_true", help="ask the gateway for other views, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of load, per round and server")
    options = parser.parse_args()
    report = file_report("5f" * 32)
    server_core, load_core = two_cores()
    with harness.workplace() as (directory, stack):
        (directory / "report.json").write_bytes(report)
        (directory / "report.json.gz").write_bytes(gzip.compress(report, 6))
        servers = {server.name: server for server in start_all(stack, options, directory, server_core, load_core)}
        for server in servers.values():
            if server.name in (GATEWAY, EARLIER, PYTHON):
                server.check(json.loads(report))
        for number in range(options.rounds):
            for server in servers.values():
                server.measure(directory, load_core)
                print(f"round {number + 1}: {server.name}: {server.rounds[-1]:.1f} µs", file=sys.stderr)
    print_table(servers)
    for view in VIEWS:
        if EARLIER + view in servers:
            told = compared(servers[GATEWAY + view].rounds, servers[EARLIER + view].rounds)
            print(f"{GATEWAY}{view} costs {told}.")
    faults = list(verdict(servers))
    for fault in faults:
        print(f"FAIL: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    harness.run(main)
