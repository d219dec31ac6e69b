"""A `vt4ai --demo`, for the scripts that drive it by the libraries of others."""

import re
import subprocess
import tempfile
import time

START_LIMIT = 20
STOP_LIMIT = 10


class DemoGateway:
    """A `vt4ai --demo` with these flags on a free port, until the block ends. The block gets its address."""

    def __init__(self, binary, *flags):
        self.command = [binary, "--demo", "--port", "0", *flags]

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(f"{self.folder.name}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(self.command, cwd=self.folder.name, stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            with open(self.log.name, encoding="utf-8") as log:
                found = re.search(r"http://127\.0\.0\.1:\d+", log.read())
            if found:
                return found[0]
            time.sleep(0.05)
        raise SystemExit("the gateway does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(STOP_LIMIT)
        self.log.close()
        self.folder.cleanup()
