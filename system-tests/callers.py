"""Callers that read and upload, and check each answer against the record of the fake VirusTotal.

Used by `soak.py`; `rolling.py` uses the requests and some of the checks.
"""

import asyncio
import base64
import collections
import contextlib
import dataclasses
import gzip
import hashlib
import json
import random
import time
import xml.etree.ElementTree

import fake_virustotal

# Shares of all requests: those whose caller hangs up, uploads, and lookups with `Cache-Control: no-cache`.
HANG_UPS = 0.02
UPLOADS = 0.04
NO_CACHE = 0.03
# Half of the lookups are for a few objects, which stay cached; the others repeat too rarely for that.
OBJECTS, FAVOURITES = 8000, 150
# The tolerance between the clocks of the two processes: events may seem to precede their request by this much.
SLACK_SECONDS = 0.5
# The time for which the gateway serves a cached answer.
FRESH_SECONDS = 20
CODES = {401: "AuthenticationRequiredError", 404: "NotFoundError", 502: "BadGatewayError", 503: "TransientError",
         504: "DeadlineExceededError"}
# The query, the `Accept` header and the media type that is expected.
FORMS = {
    "json": ("?format=json", "*/*", "application/json"), "raw": ("?format=raw", "*/*", "application/json"),
    "markdown": ("?format=markdown", "*/*", "application/json"), "xml": ("?format=xml", "*/*", "application/json"),
    "bare markdown": ("", "text/markdown", "text/markdown"), "bare xml": ("", "application/xml", "application/xml"),
}
# The gateway closes connections that are idle for longer than this.
LONGEST_PAUSE = 5
BOUNDARY = "soak-soak-soak"


class Wrong(Exception):
    """A mistake in an answer."""


@dataclasses.dataclass
class Caller:
    """A caller: its name, its credential and the key that VirusTotal receives."""

    name: str
    credential: str
    key: str
    # Whether the gateway knows this caller; both values shortly after a change.
    known: set = dataclasses.field(default_factory=lambda: {True})


@dataclasses.dataclass
class Request:
    """A request, and the facts to check its answer against."""

    caller: Caller
    subject: str
    form: str
    data: bytes
    began: float = 0
    # `Caller.known` at the start of the request, since it may change before the answer.
    known: set = dataclasses.field(default_factory=set)

    @property
    def name(self):
        """A description for error messages."""
        return f"{self.subject} as {self.form} for {self.caller.name}"


@dataclasses.dataclass
class Answer:
    """An answer."""

    status: int
    fields: dict
    body: bytes


# Requests

def object_path(number):
    """Returns the path of an object; the number determines its kind."""
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    names = [f"files/{digest}", f"urls/{digest}", f"domains/d{number}.soak.example",
             f"ip_addresses/45.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"]
    return names[number % 4]


def lookup(dice, caller):
    """Returns a request for a report or for related objects."""
    favourite = dice.random() < 0.5
    subject = object_path(dice.randrange(FAVOURITES) if favourite else dice.randrange(OBJECTS))
    collection, identifier = subject.split("/")
    path = f"/api/v1/{collection.replace('ip_addresses', 'ips')}/{identifier}"
    if dice.random() < 0.25:
        related = dice.choice(["comments", "historical_whois"] if collection in ("domains", "ip_addresses")
                              else ["comments", "votes"])
        path, subject = f"{path}/relationships/{related}", f"{subject}/{related}"
    form = dice.choice(list(FORMS))
    query, accept, _ = FORMS[form]
    more = "Accept-Encoding: gzip\r\n" if dice.random() < 0.3 else ""
    more += "Cache-Control: no-cache\r\n" if dice.random() < NO_CACHE else ""
    head = (f"GET {path}{query} HTTP/1.1\r\nHost: soak\r\nX-API-Key: {caller.credential}\r\n"
            f"Accept: {accept}\r\n{more}\r\n")
    return Request(caller, subject, form, head.encode())


def subject_of(body):
    """Returns the subject of VirusTotal's answer to a POST, which is derived from its body."""
    return "uploads/" + hashlib.sha256(body).hexdigest()


def upload(dice, caller):
    """Returns a request that uploads a unique file."""
    content = base64.b64encode(dice.randbytes(dice.randrange(100, 150_000)))
    form = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="soak.bin"\r\n\r\n').encode()
    form += content + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (f"POST /api/v1/files HTTP/1.1\r\nHost: soak\r\nX-API-Key: {caller.credential}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(form)}\r\n\r\n")
    return Request(caller, subject_of(form), "json", head.encode() + form)


async def read_answer(reader):
    """Reads an answer; its body may be chunked and gzipped."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(fields.get("content-length", 0)))
    if fields.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(int(head[0].split()[1]), fields, body)


# Checks

def judge(request, answer, actions):
    """Raises unless the answer is consistent with VirusTotal's actions."""
    now = time.monotonic()
    said = answer.body[:200]
    known = request.known | request.caller.known
    if answer.status == 401:
        if False not in known:
            raise Wrong("a known caller is refused")
        return check_error(answer)
    if True not in known:
        raise Wrong(f"{answer.status} for a caller that is no longer known")
    final = [action for action in actions if action.is_final]
    lately = [action for action in final if action.until >= request.began - SLACK_SECONDS]
    if answer.status in (200, 202):
        check_form(request, answer)
        return check_age(answer, check_mark(request, answer), (final, lately), request.began, now)
    is_upload = request.subject.startswith("uploads/")
    if answer.status == 404 and fake_virustotal.is_unknown(request.subject) and not is_upload:
        if not any(action.status == 200 for action in final):
            raise Wrong("404 without a lookup")
    elif not any(action.status == answer.status for action in lately):
        raise Wrong(f"{answer.status}, but VirusTotal's actions were {[action.kind for action in lately]}: {said!r}")
    return check_error(answer)


def check_error(answer):
    """Raises unless an error is JSON with a detail and the right code."""
    error = json.loads(answer.body)
    if set(error) != {"detail", "code"} or error["code"] != CODES[answer.status] or not error["detail"]:
        raise Wrong(f"a malformed error: {answer.body[:200]!r}")
    if answer.status == 503 and "retry-after" not in answer.fields:
        raise Wrong("503 without Retry-After")


def check_form(request, answer):
    """Raises unless the body is complete and of the requested format."""
    media = FORMS[request.form][2]
    if not answer.fields["content-type"].startswith(media):
        raise Wrong(f"{answer.fields['content-type']} instead of {media}")
    document = answer.body.decode()
    if media == "application/json":
        envelope = json.loads(answer.body)
        if envelope["format"] != request.form:
            raise Wrong(f"the format {envelope['format']}")
        document = envelope["data"]
    if request.form.endswith("xml"):
        xml.etree.ElementTree.fromstring(document.encode())
    elif request.form.endswith("markdown"):
        if not document.startswith("# "):
            raise Wrong("a Markdown document without a heading")
    elif not isinstance(document, (dict, list)):
        raise Wrong("`data` is neither an object nor an array")


def check_mark(request, answer):
    """Returns the serial number of VirusTotal's answer; raises if it is about another subject."""
    marks = set(fake_virustotal.MARK.findall(answer.body))
    if len(marks) != 1:
        raise Wrong(f"{len(marks)} marks")
    digest, serial = marks.pop()
    if digest.decode() != fake_virustotal.digest_of(request.subject):
        raise Wrong("it is about something else")
    return int(serial)


def check_age(answer, serial, actions, began, now):
    """Raises unless the answer is VirusTotal's latest and its age agrees with `X-Cache`."""
    final, lately = actions
    good = [action for action in final if action.status == 200]
    at = next((at for at, action in enumerate(good) if action.serial == serial), None)
    if at is None:
        raise Wrong("VirusTotal has not recently given this answer to this key")
    if at + 1 < len(good) and good[at + 1].until < began - SLACK_SECONDS:
        raise Wrong("VirusTotal has given a newer answer")
    cache = answer.fields.get("x-cache")
    if cache == "HIT" and now - good[at].until > FRESH_SECONDS + 1 + SLACK_SECONDS + (now - began):
        raise Wrong("a hit that is too old")
    if cache == "MISS" and good[at] not in lately:
        raise Wrong("a miss without a lookup")
    if cache == "STALE" and all(action.status == 200 for action in lately):
        raise Wrong("a stale answer although VirusTotal had not failed")


# Load

class Readers:
    """All callers, the counts of their answers, and the mistakes in these."""

    def __init__(self, virustotal, callers, port, seed):
        self.virustotal, self.callers, self.port = virustotal, callers, port
        self.dice = random.Random(seed)
        self.counts = collections.Counter()
        self.wrong = []
        self.is_over = asyncio.Event()

    async def live(self, pause):
        """Sends requests of random callers, with a new connection after every few of them, until the test is over."""
        while not self.is_over.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                for _ in range(self.dice.randrange(1, 60)):
                    await asyncio.sleep(min(self.dice.expovariate(1 / pause), LONGEST_PAUSE))
                    if self.is_over.is_set() or not await self.ask(reader, writer):
                        break
            except (OSError, asyncio.IncompleteReadError) as error:
                self.note(f"a connection broke: {error!r}")
            finally:
                writer.close()

    async def ask(self, reader, writer):
        """Sends one request and judges the answer; returns whether the connection can be reused."""
        caller = self.dice.choice(self.callers)
        request = (upload if self.dice.random() < UPLOADS else lookup)(self.dice, caller)
        if self.dice.random() < HANG_UPS:
            return await self.hang_up(request, reader, writer)
        request.began, request.known = time.monotonic(), caller.known
        writer.write(request.data)
        answer = await asyncio.wait_for(read_answer(reader), 60)
        self.counts[answer.status] += 1
        self.counts[answer.fields.get("x-cache", "-")] += 1
        self.counts[request.form] += 1
        try:
            judge(request, answer, self.virustotal.actions[caller.key, request.subject])
        except (Wrong, ValueError, KeyError, TypeError, xml.etree.ElementTree.ParseError) as error:
            self.note(f"{request.name}: {answer.status} {answer.fields.get('x-cache', '')}: {error!r}")
        return answer.fields.get("connection") != "close"

    async def hang_up(self, request, reader, writer):
        """Closes the connection within the request, right after it, or within the answer."""
        self.counts["hung up"] += 1
        whole = self.dice.random() < 0.7
        writer.write(request.data if whole else request.data[:self.dice.randrange(1, len(request.data))])
        if whole and self.dice.random() < 0.5:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(100), 1)
        if self.dice.random() < 0.5:
            writer.transport.abort()
        return False

    def note(self, what):
        """Records a mistake."""
        self.wrong.append(what)
