"""A gateway for one part of the tests."""

import contextlib
import os
import re
import subprocess
import tempfile
import threading
import time

# The gateway is given this key where it needs one of its own.
SERVER_KEY = "key-of-the-server-0123456789"


class Address(str):
    """The address of a gateway, with the id of its process."""

    pid: int


@contextlib.contextmanager
def gateway(*flags, variables=()):
    """Starts a gateway on a free port with these flags, and yields its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VT4AI_")}
    environment |= dict(variables)
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([os.environ["VT4AI_BINARY"], "--port", "0", *flags], cwd=folder, env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            address = Address(address_of(process))
            address.pid = process.pid
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)


def address_of(process):
    """Waits for the line of the log that names the address; the rest of the log is read and dropped."""
    for line in process.stderr:
        found = re.search(r"listening on (http://\S+?),", line)
        if found:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise RuntimeError("the gateway did not start")


def without_limits(upstream):
    """The flags of a gateway without limits and without a cache."""
    return ["--upstream-url", upstream, "--rate-limit-per-minute", "0", "--rate-limit-per-day", "0",
            "--rate-limit-per-month", "0", "--client-rate-per-minute", "0", "--cache-max-bytes", "0"]


def until(condition, what, seconds=30):
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come to that: {what}")
        time.sleep(0.02)
