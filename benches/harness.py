"""Ports, processes, waiting and exit statuses: shared by the comparisons in this folder and by `system-tests/`.

Scripts in `system-tests/` append this folder to `sys.path` first.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "bench-key"
# The gateway is measured, not its limits.
NO_LIMITS = dict.fromkeys(
    ("CLIENT_RATE_PER_MINUTE", "RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_PER_DAY", "RATE_LIMIT_PER_MONTH"), 0)


class CannotMeasure(Exception):
    """A missing tool or a broken server, described for the user."""


# Scripts

def command_line(doc):
    """Returns a parser with the argument that all scripts take: the gateway's binary."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/vt4ai", help="the gateway")
    return parser


def run(main):
    """Ends the script with the exit status of its `main`, or with 2 if it can't measure."""
    try:
        sys.exit(main())
    except (CannotMeasure, OSError, subprocess.SubprocessError) as error:
        print(f"can't measure: {error}", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def workplace():
    """Creates a temporary directory and a stack of clean-up calls, which also run when the script is terminated."""
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        yield pathlib.Path(directory), stack


# Servers

def environment(port, upstream, **settings):
    """Returns the variables of a gateway without limits; `settings` have names without `VT4AI_`."""
    settings = {"PORT": port, "UPSTREAM_URL": f"http://127.0.0.1:{upstream}", **NO_LIMITS, **settings}
    return {f"VT4AI_{name}": str(value) for name, value in settings.items()}


def nginx_user():
    """Returns nginx's `user` directive for root. Its default user could not read the temporary directory."""
    return "user root;" if os.geteuid() == 0 else ""


def nginx_folders(prefix):
    """Returns nginx's directives for its temporary folders, whose paths start with a prefix."""
    return " ".join(f"{kind}_temp_path {prefix}{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def find(tool):
    """Returns the path of a tool, which may be where only root's `PATH` leads."""
    path = shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise CannotMeasure(f"not found: {tool}")
    return path


def free_port():
    """Returns a port that is not in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path, headers=None, timeout=10):
    """Sends a GET; returns the status, headers and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def stop(process):
    """Stops a process that leads a session, and all processes of that session."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def start_redis(directory, port):
    """Starts a Redis that keeps nothing on disk and waits until it listens; returns the process."""
    command = [find("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for_port(port)
    return process


def wait_for_port(port):
    """Waits until a server listens on a port."""
    def listens():
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0
    wait_until(listens)


def wait_until(is_so, seconds=20):
    """Waits until a condition holds; raises if that takes too long."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise CannotMeasure(f"waited {seconds} s in vain for {is_so.__qualname__}")
        time.sleep(0.02)


# Figures

def resident_mb(pid, field="VmRSS"):
    """Returns the resident memory of a process in MB, or its maximum so far if `field` is `VmHWM`."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise CannotMeasure(f"no {field} of process {pid}")


def percentile(values, share):
    """Returns the value below which this share of the values lies."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]
