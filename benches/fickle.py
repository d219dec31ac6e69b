"""A VirusTotal that fails now and then and remembers what it did, so that every answer can be held against it.

Not a benchmark of its own: `soak.py` and `rolling.py` run it in their event loop, and `callers.py` asks it what may be
true.
"""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import gzip
import hashlib
import itertools
import json
import random
import re
import time
import zlib

# Of all calls; each kind as often as the next.
FAULTY = 0.05
SLOW_SECONDS = 1.0
# What VT4AI_UPSTREAM_TIMEOUT has to be: longer than a slow answer, shorter than silence.
PATIENCE_SECONDS = 3
# How many times the gateway tries a lookup that is refused with 503.
TRIES = 3
# What a caller is told of each deed; of the others it is told what VirusTotal said.
STATUSES = {"reset": 502, "torn": 502, "half": 502, "garbage": 502, "overloaded": 503, "silent": 504}
KINDS = [*STATUSES, "slow"]
# An upload may take four times as long as a lookup: silence there would only hold the callers up.
KINDS_OF_POSTS = [kind for kind in KINDS if kind != "silent"]
# Stands in every answer: what it is about, and which answer it is.
MARK = re.compile(rb"m([0-9a-f]{8})x(\d+)y")


@dataclasses.dataclass
class Deed:
    """What was done about one call."""

    kind: str
    serial: int
    # When it was, or will have been, done.
    until: float
    # False where the gateway tries again, so that no caller hears of it.
    is_final: bool = True

    @property
    def status(self):
        """What callers are told of it; 200 stands for whatever VirusTotal knows."""
        return STATUSES.get(self.kind, 200)


def digest_of(subject):
    """What a mark says that it is about."""
    return f"{zlib.crc32(subject.encode()):08x}"


def is_unknown(subject):
    """Whether VirusTotal knows nothing of this object, whatever is asked about it; always the same."""
    return zlib.crc32(b"?" + "/".join(subject.split("/")[:2]).encode()) % 10 == 0


def type_of(collection):
    """Returns the type of a collection's objects."""
    return {"ip_addresses": "ip_address"}.get(collection, collection[:-1])


@functools.cache
def padding(number):
    """A few KB of which no two are alike, so that answers differ in length and don't pack too well."""
    dice = random.Random(number)
    return ["".join(dice.choices("abcdefghijklmnop", k=12)) for _ in range(dice.randrange(50, 400))]


def body_of(subject, serial):
    """VirusTotal's answer about an object, or what is related to one."""
    mark = f"m{digest_of(subject)}x{serial}y"
    collection, identifier, *related = subject.split("/")
    if not related:
        attributes = {"mark": mark, "reputation": serial, "names": padding(zlib.crc32(subject.encode()) % 64)}
        return {"data": {"id": identifier, "type": collection[:-1], "attributes": attributes}}
    objects = [{"id": f"{mark}-{at}", "type": "comment", "attributes": {"date": 1_693_526_400, "text": "x" * 200}}
               for at in range(5)]
    return {"data": objects, "meta": {"count": 5}}


class VirusTotal:
    """Its port, what it did, and the connections that are open."""

    def __init__(self, seed, faulty=FAULTY, world=None):
        self.dice, self.faulty = random.Random(seed), faulty
        # Objects that change (`living.py`), if there are any.
        self.world = world
        self.serials = itertools.count(1)
        # By key and subject: the deeds of late, in order.
        self.deeds = collections.defaultdict(lambda: collections.deque(maxlen=8))
        self.counts = collections.Counter()
        self.open = set()
        self.server = self.port = None

    async def start(self):
        """Listens."""
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def hang_up(self):
        """Closes all connections: the gateway keeps them for a while otherwise."""
        for writer in list(self.open):
            writer.close()
        while self.open:
            await asyncio.sleep(0.01)

    async def serve(self, reader, writer):
        """Answers the calls of one connection."""
        self.open.add(writer)
        try:
            # A reset is the gateway's right: it may have waited long enough.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self.answer(reader, writer):
                    pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def answer(self, reader, writer):
        """Answers one call; whether there can be another on this connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        sent = await reader.readexactly(int(fields.get("content-length", 0)))
        subject = target.removeprefix("/api/v3/").partition("?")[0]
        if subject.startswith("users/"):
            return await send(writer, 404, {"error": {"code": "NotFoundError", "message": "no such user"}})
        if self.world and (call := self.world.call(method, target, fields, sent)):
            return await self.world.answer(call, reader, writer)
        if method != "POST":
            return await self.do(fields["x-apikey"], subject, KINDS, reader, writer)
        subject = "uploads/" + hashlib.sha256(sent).hexdigest()
        try:
            return await self.do(fields["x-apikey"], subject, KINDS_OF_POSTS, reader, writer)
        finally:
            if self.world:
                self.world.stir_upload(sent)

    async def do(self, key, subject, kinds, reader, writer):
        """Answers a call, well or not. Returns whether there can be another on this connection."""
        deed = self.decide(key, subject, kinds)
        self.counts[deed.kind] += 1
        if deed.kind == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if deed.kind in ("good", "slow"):
            return await send(writer, *self.truth(subject, deed.serial), "gzip" if deed.serial % 2 else None)
        return await fail(reader, writer, deed.kind, json.dumps(body_of(subject, deed.serial)).encode())

    def decide(self, key, subject, kinds):
        """What to do now, noted before it is done."""
        before = self.deeds[key, subject]
        tries_on = bool(before) and not before[-1].is_final
        is_faulty = self.dice.random() < (0.7 if tries_on else self.faulty)
        kind = "good" if not is_faulty else "overloaded" if tries_on else self.dice.choice(kinds)
        seconds = {"slow": SLOW_SECONDS, "silent": PATIENCE_SECONDS}.get(kind, 0)
        deed = Deed(kind, next(self.serials), time.monotonic() + seconds)
        if kind == "overloaded" and "silent" in kinds:
            run = list(itertools.takewhile(lambda it: not it.is_final, reversed(before)))
            deed.is_final = len(run) == TRIES - 1
        before.append(deed)
        return deed

    @staticmethod
    def truth(subject, serial):
        """Status and body where nothing goes wrong."""
        if subject.startswith("uploads/"):
            return 200, {"data": {"type": "analysis", "id": f"m{digest_of(subject)}x{serial}y"}}
        if is_unknown(subject):
            return 404, {"error": {"code": "NotFoundError", "message": f"{subject} not found"}}
        return 200, body_of(subject, serial)


async def fail(reader, writer, kind, whole):
    """Answers with a fault of this kind. Returns whether there can be another on this connection."""
    if kind == "overloaded":
        return await send(writer, 503, {"error": {"code": "TransientError", "message": "later"}})
    if kind == "half":
        return await send(writer, 200, whole[:len(whole) // 2])
    if kind == "garbage":
        return await send(writer, 200, random.Random(whole).randbytes(2000))
    if kind == "reset":
        writer.transport.abort()
    elif kind == "torn":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(whole), whole[:len(whole) // 2]))
        await writer.drain()
    else:
        # Until the gateway has had enough.
        await reader.read(1)
    return False


async def send(writer, status, body, coding=None, fields=""):
    """Sends an answer; true, since there can be another."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if coding:
        body = gzip.compress(body, 1)
    coding = "Content-Encoding: gzip\r\n" if coding else ""
    head = (f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n{fields}{coding}"
            f"Content-Length: {len(body)}\r\n\r\n")
    writer.write(head.encode() + body)
    await writer.drain()
    return True
