"""Starts `vt4ai --demo` and a server that records requests, for the tests of examples/."""

import contextlib
import http.server
import os
import re
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def check(condition: object, detail: object) -> None:
    """Ends the test with a detail unless a condition holds."""
    if not condition:
        raise SystemExit(f"wrong: {detail}")


@contextlib.contextmanager
def gateway(binary: str, *arguments: str):
    """Runs a gateway of the demo on a free port and gives its address."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VT4AI_")}
    command = [binary, "--demo", "--port", "0", "--log-format", "text", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as process:
        try:
            lines = []
            address = None
            while address is None and (line := process.stdout.readline()):
                lines.append(line)
                address = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
            check(address, f"the gateway does not start: {''.join(lines)}")
            # A full pipe would hold up the gateway.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield address[0]
        finally:
            process.terminate()


class Recorder(http.server.ThreadingHTTPServer):
    """A server that gives prepared answers in turn, the last one again and again, and keeps the requests."""

    def __init__(self, *answers: tuple):
        super().__init__(("127.0.0.1", 0), RecorderHandler)
        self.answers, self.requests = list(answers), []

    @property
    def address(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class RecorderHandler(http.server.BaseHTTPRequestHandler):
    """One request to a `Recorder`."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.requests.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        """Logs nothing."""
