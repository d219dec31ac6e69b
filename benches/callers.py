"""Callers who know what they should be told: each answer is held against what the fickle VirusTotal did.

Not a benchmark of its own: `soak.py` runs them, and `rolling.py` has some of their requests.
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

import fickle

# Of all requests.
RUDE = 0.02
UPLOADS = 0.04
IMPATIENT = 0.03
# Half of the lookups are for a few objects, which are kept; the others come round too seldom to be.
OBJECTS, FAVOURITES = 8000, 150
# How much earlier than the request what it is told may have been done: the two processes are not in step.
SLACK_SECONDS = 0.5
# What is kept longer than this is asked for anew.
FRESH_SECONDS = 20
CODES = {401: "AuthenticationRequiredError", 404: "NotFoundError", 502: "BadGatewayError", 503: "TransientError",
         504: "DeadlineExceededError"}
# The query, `Accept`, and the media type that is right.
FORMS = {
    "json": ("?format=json", "*/*", "application/json"), "raw": ("?format=raw", "*/*", "application/json"),
    "markdown": ("?format=markdown", "*/*", "application/json"), "xml": ("?format=xml", "*/*", "application/json"),
    "bare markdown": ("", "text/markdown", "text/markdown"), "bare xml": ("", "application/xml", "application/xml"),
}
# The gateway closes connections that are idle for longer.
LONGEST_PAUSE = 5
BOUNDARY = "soak-soak-soak"


class Wrong(Exception):
    """What an answer has that it should not have."""


@dataclasses.dataclass
class Caller:
    """Who asks, and which key VirusTotal sees then."""

    name: str
    credential: str
    key: str
    # Whether the gateway knows this caller; both, shortly after that has changed.
    known: set = dataclasses.field(default_factory=lambda: {True})


@dataclasses.dataclass
class Request:
    """One request, and what is right for it."""

    caller: Caller
    subject: str
    form: str
    data: bytes
    began: float = 0
    # Whether the caller was known then: an answer can take longer than a caller is.
    known: set = dataclasses.field(default_factory=set)

    @property
    def name(self):
        """For whoever reads what went wrong."""
        return f"{self.subject} as {self.form} for {self.caller.name}"


@dataclasses.dataclass
class Answer:
    """One answer."""

    status: int
    fields: dict
    body: bytes


# Asking

def object_path(number):
    """One object of VirusTotal's, of any of four kinds."""
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    names = [f"files/{digest}", f"urls/{digest}", f"domains/d{number}.soak.example",
             f"ip_addresses/45.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"]
    return names[number % 4]


def lookup(dice, caller):
    """A request for a report or for what is related."""
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
    more += "Cache-Control: no-cache\r\n" if dice.random() < IMPATIENT else ""
    head = (f"GET {path}{query} HTTP/1.1\r\nHost: soak\r\nX-API-Key: {caller.credential}\r\n"
            f"Accept: {accept}\r\n{more}\r\n")
    return Request(caller, subject, form, head.encode())


def subject_of(body):
    """What VirusTotal's answer to a POST is about: the bytes that came with it."""
    return "uploads/" + hashlib.sha256(body).hexdigest()


def upload(dice, caller):
    """A request that posts a file like no other."""
    content = base64.b64encode(dice.randbytes(dice.randrange(100, 150_000)))
    form = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="soak.bin"\r\n\r\n').encode()
    form += content + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (f"POST /api/v1/files HTTP/1.1\r\nHost: soak\r\nX-API-Key: {caller.credential}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(form)}\r\n\r\n")
    return Request(caller, subject_of(form), "json", head.encode() + form)


async def read_answer(reader):
    """One answer, however its body is framed and packed."""
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


# Judging

def judge(request, answer, deeds):
    """Whether this may be the answer, from what VirusTotal did about it; raises what is wrong."""
    now = time.monotonic()
    said = answer.body[:200]
    known = request.known | request.caller.known
    if answer.status == 401:
        if False not in known:
            raise Wrong("a caller that is known is refused")
        return check_error(answer)
    if True not in known:
        raise Wrong(f"{answer.status} for a caller that is not known any more")
    final = [deed for deed in deeds if deed.is_final]
    lately = [deed for deed in final if deed.until >= request.began - SLACK_SECONDS]
    if answer.status in (200, 202):
        check_form(request, answer)
        return check_age(answer, check_mark(request, answer), (final, lately), request.began, now)
    if answer.status == 404 and fickle.is_unknown(request.subject) and not request.subject.startswith("uploads/"):
        if not any(deed.status == 200 for deed in final):
            raise Wrong("404, and nobody asked")
    elif not any(deed.status == answer.status for deed in lately):
        raise Wrong(f"{answer.status}, and VirusTotal did {[deed.kind for deed in lately]}: {said!r}")
    return check_error(answer)


def check_error(answer):
    """An error has one shape, whatever the format."""
    error = json.loads(answer.body)
    if set(error) != {"detail", "code"} or error["code"] != CODES[answer.status] or not error["detail"]:
        raise Wrong(f"an error that is none: {answer.body[:200]!r}")
    if answer.status == 503 and "retry-after" not in answer.fields:
        raise Wrong("503 without Retry-After")


def check_form(request, answer):
    """The body is of its format, and whole."""
    media = FORMS[request.form][2]
    if not answer.fields["content-type"].startswith(media):
        raise Wrong(f"{answer.fields['content-type']} where {media} was asked for")
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
        raise Wrong("data that is no data")


def check_mark(request, answer):
    """The serial number of the answer that this comes from; it is about what was asked for and nothing else."""
    marks = set(fickle.MARK.findall(answer.body))
    if len(marks) != 1:
        raise Wrong(f"{len(marks)} marks")
    digest, serial = marks.pop()
    if digest.decode() != fickle.digest_of(request.subject):
        raise Wrong("it is about something else")
    return int(serial)


def check_age(answer, serial, deeds, began, now):
    """What is given is the last that VirusTotal said, and as old as `X-Cache` says."""
    final, lately = deeds
    good = [deed for deed in final if deed.status == 200]
    at = next((at for at, deed in enumerate(good) if deed.serial == serial), None)
    if at is None:
        raise Wrong("it is what VirusTotal never said, to this key or in the last while")
    if at + 1 < len(good) and good[at + 1].until < began - SLACK_SECONDS:
        raise Wrong("VirusTotal has said something newer")
    cache = answer.fields.get("x-cache")
    if cache == "HIT" and now - good[at].until > FRESH_SECONDS + 1 + SLACK_SECONDS + (now - began):
        raise Wrong("a hit that is too old")
    if cache == "MISS" and good[at] not in lately:
        raise Wrong("a miss for which nobody asked")
    if cache == "STALE" and all(deed.status == 200 for deed in lately):
        raise Wrong("something old, and VirusTotal had not failed")


# Living

class Crowd:
    """All callers, and what they were told."""

    def __init__(self, virustotal, callers, port, seed):
        self.virustotal, self.callers, self.port = virustotal, callers, port
        self.dice = random.Random(seed)
        self.counts = collections.Counter()
        self.wrong = []
        self.is_over = asyncio.Event()

    async def live(self, pause):
        """One caller after the other on connections that last for some requests, until it is over."""
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
        """One request, judged; whether there can be another on this connection."""
        caller = self.dice.choice(self.callers)
        request = (upload if self.dice.random() < UPLOADS else lookup)(self.dice, caller)
        if self.dice.random() < RUDE:
            return await self.hang_up(request, reader, writer)
        request.began, request.known = time.monotonic(), caller.known
        writer.write(request.data)
        answer = await asyncio.wait_for(read_answer(reader), 60)
        self.counts[answer.status] += 1
        self.counts[answer.fields.get("x-cache", "-")] += 1
        self.counts[request.form] += 1
        try:
            judge(request, answer, self.virustotal.deeds[caller.key, request.subject])
        except (Wrong, ValueError, KeyError, TypeError, xml.etree.ElementTree.ParseError) as error:
            self.note(f"{request.name}: {answer.status} {answer.fields.get('x-cache', '')}: {error!r}")
        return answer.fields.get("connection") != "close"

    async def hang_up(self, request, reader, writer):
        """Goes away within the request, at once after it, or within the answer."""
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
        """Keeps what is wrong; the first ones are shown."""
        self.wrong.append(what)
