"""A fake VirusTotal that fails now and then and records its actions, so that every answer can be checked against them.

`soak.py` and `rolling.py` run it in their event loop; `callers.py` reads its record.
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

# The share of calls that fail; all kinds of faults are equally frequent.
FAULTY = 0.05
SLOW_SECONDS = 1.0
# The gateway's VT4AI_UPSTREAM_TIMEOUT: longer than a slow answer takes.
TIMEOUT_SECONDS = 3
# The number of times that the gateway sends a lookup that is answered with 503.
TRIES = 3
# The status that callers receive for each fault.
STATUSES = {"reset": 502, "torn": 502, "half": 502, "garbage": 502, "overloaded": 503, "silent": 504}
KINDS = [*STATUSES, "slow"]
# The timeout of uploads is four times that of lookups: silence would only delay the callers.
KINDS_OF_POSTS = [kind for kind in KINDS if kind != "silent"]
# Part of every answer: the digest of its subject, and the serial number of the answer.
MARK = re.compile(rb"m([0-9a-f]{8})x(\d+)y")


@dataclasses.dataclass
class Action:
    """The response to one call: an answer or a fault."""

    kind: str
    serial: int
    # The time at which it is over.
    until: float
    # False if the gateway retries, so that no caller sees this fault.
    is_final: bool = True

    @property
    def status(self):
        """The status that callers receive; 200 also stands for 404."""
        return STATUSES.get(self.kind, 200)


def digest_of(subject):
    """Returns the digest of a subject in marks."""
    return f"{zlib.crc32(subject.encode()):08x}"


def is_unknown(subject):
    """Returns whether VirusTotal answers 404 for this object, which is the same for all calls about it."""
    return zlib.crc32(b"?" + "/".join(subject.split("/")[:2]).encode()) % 10 == 0


def type_of(collection):
    """Returns the type of a collection's objects."""
    return {"ip_addresses": "ip_address"}.get(collection, collection[:-1])


@functools.cache
def padding(number):
    """Returns a few KB that depend on the number, so that answers differ in length and compress badly."""
    dice = random.Random(number)
    return ["".join(dice.choices("abcdefghijklmnop", k=12)) for _ in range(dice.randrange(50, 400))]


def body_of(subject, serial):
    """Returns VirusTotal's answer about an object or about the objects related to one."""
    mark = f"m{digest_of(subject)}x{serial}y"
    collection, identifier, *related = subject.split("/")
    if not related:
        attributes = {"mark": mark, "reputation": serial, "names": padding(zlib.crc32(subject.encode()) % 64)}
        return {"data": {"id": identifier, "type": collection[:-1], "attributes": attributes}}
    objects = [{"id": f"{mark}-{at}", "type": "comment", "attributes": {"date": 1_693_526_400, "text": "x" * 200}}
               for at in range(5)]
    return {"data": objects, "meta": {"count": 5}}


class VirusTotal:
    """The server, its record of actions, and its open connections."""

    def __init__(self, seed, faulty=FAULTY, world=None):
        self.dice, self.faulty = random.Random(seed), faulty
        # Objects that change (`objects.py`), or `None`.
        self.world = world
        self.serials = itertools.count(1)
        # The latest actions by key and subject, in order.
        self.actions = collections.defaultdict(lambda: collections.deque(maxlen=8))
        self.counts = collections.Counter()
        self.open = set()
        self.server = self.port = None

    async def start(self):
        """Starts listening."""
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def hang_up(self):
        """Closes all connections, which the gateway would keep open for a while."""
        for writer in list(self.open):
            writer.close()
        while self.open:
            await asyncio.sleep(0.01)

    async def serve(self, reader, writer):
        """Answers the calls of one connection."""
        self.open.add(writer)
        try:
            # The gateway resets connections that time out.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self.answer(reader, writer):
                    pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def answer(self, reader, writer):
        """Answers one call; returns whether the connection can be reused."""
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
                self.world.touch_upload(sent)

    async def do(self, key, subject, kinds, reader, writer):
        """Answers a call or fails it; returns whether the connection can be reused."""
        action = self.decide(key, subject, kinds)
        self.counts[action.kind] += 1
        if action.kind == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if action.kind in ("good", "slow"):
            return await send(writer, *self.truth(subject, action.serial), "gzip" if action.serial % 2 else None)
        return await fail(reader, writer, action.kind, json.dumps(body_of(subject, action.serial)).encode())

    def decide(self, key, subject, kinds):
        """Decides on the next action and records it before it is carried out."""
        before = self.actions[key, subject]
        tries_on = bool(before) and not before[-1].is_final
        is_faulty = self.dice.random() < (0.7 if tries_on else self.faulty)
        kind = "good" if not is_faulty else "overloaded" if tries_on else self.dice.choice(kinds)
        seconds = {"slow": SLOW_SECONDS, "silent": TIMEOUT_SECONDS}.get(kind, 0)
        action = Action(kind, next(self.serials), time.monotonic() + seconds)
        if kind == "overloaded" and "silent" in kinds:
            run = list(itertools.takewhile(lambda it: not it.is_final, reversed(before)))
            action.is_final = len(run) == TRIES - 1
        before.append(action)
        return action

    @staticmethod
    def truth(subject, serial):
        """Returns the status and body of an answer without a fault."""
        if subject.startswith("uploads/"):
            return 200, {"data": {"type": "analysis", "id": f"m{digest_of(subject)}x{serial}y"}}
        if is_unknown(subject):
            return 404, {"error": {"code": "NotFoundError", "message": f"{subject} not found"}}
        return 200, body_of(subject, serial)


async def fail(reader, writer, kind, whole):
    """Answers with a fault of this kind; returns whether the connection can be reused."""
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
        # Until the gateway closes the connection.
        await reader.read(1)
    return False


async def send(writer, status, body, coding=None, fields=""):
    """Sends an answer; returns true, since the connection can be reused."""
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
