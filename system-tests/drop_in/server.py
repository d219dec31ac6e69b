"""A scripted server in VirusTotal's place, which records what it is sent."""

import contextlib
import http.server
import threading

# The headers that a client's library, or the way between two programs, decides about.
ON_THE_WAY = {"host", "connection", "accept-encoding", "accept", "traceparent", "content-length", "transfer-encoding",
              "x-tool"}


class Server(http.server.ThreadingHTTPServer):
    """A server that answers by a function of method, target, headers and body."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer):
        self.answer, self.received, self.lock = answer, [], threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def took(self):
        """Returns what was received since the last call."""
        with self.lock:
            received, self.received = self.received, []
        return received


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Logs nothing."""

    def respond(self):
        body = self.body()
        if self.path.endswith("/overall_quotas"):
            return self.send(404, {"Content-Type": "application/json"}, b'{"error": {"code": "NotFoundError"}}')
        headers = sorted((name.lower(), value) for name, value in self.headers.items()
                         if name.lower() not in ON_THE_WAY)
        with self.server.lock:
            self.server.received.append((self.command, self.path, headers, body))
        return self.send(*self.server.answer(self.command, self.path, self.headers, body))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = respond

    def body(self):
        """Reads the body, in chunks or of a known length."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def server(answer):
    """Starts a server that answers like this."""
    with Server(answer) as started:
        thread = threading.Thread(target=started.serve_forever, daemon=True)
        thread.start()
        try:
            yield started
        finally:
            started.shutdown()
