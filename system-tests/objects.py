"""Objects of the fake VirusTotal that change when they are written to, and a record of their changes.

`fake_virustotal.py` serves these objects; `writers.py` requests them and judges the answers.

Each object has a version, which every answer about it shows. An accepted POST increments the version when it is
answered; an analysis increments it when it is first reported as completed. A POST that ends without an answer may have
incremented it. A GET shows the version at the time of its arrival, even if the answer is sent later.
"""

import asyncio
import base64
import collections
import dataclasses
import hashlib
import itertools
import json
import math
import random
import re
import time
import urllib.parse
import zlib

import fake_virustotal

# Shares of GETs.
FAULTY, SLOW, SLOWEST_SECONDS = 0.03, 0.2, 0.5
# Shares of POSTs; objects whose activity is `refusing` refuse all of them.
REFUSED, UNANSWERED = 0.1, 0.12
READ_FAULTS = ["reset", "torn", "half", "garbage", "overloaded", "silent"]
# `broken` is the error of a front end, `late` a 504 of VirusTotal's own.
WRITE_FAULTS = ["reset", "torn", "half", "garbage", "overloaded", "broken", "late", "silent"]
REFUSALS = {400: "BadRequestError", 403: "ForbiddenError", 404: "NotFoundError", 409: "AlreadyExistsError"}
# The share of refusals that are a 429, and the time for which the gateway then closes the endpoint to the key.
TOO_MANY, CLOSED_SECONDS = 0.02, 1
# The time within which other replicas learn of a change.
NEWS_SECONDS = 2
# After this time the gateway may have given up a POST, so that its answer no longer counts.
SURELY_HEARD_SECONDS = 2
# The number of entries of the gateway's table of the times at which objects changed (`src/cache/changes.rs`). Objects
# that share an entry share its time: a write to one of them invalidates the answers about both.
PLACES = 65_536
LIFE_SECONDS = (15, 60)
BOUNDARY = "living-living-living"
# The digest of object, subject and key; the version; and the serial number of the answer.
MARK = re.compile(rb"w([0-9a-f]{8})v(\d+)n(\d+)y")

COLLECTIONS = {"file": "files", "url": "urls", "domain": "domains", "ip": "ip_addresses"}
RELATED = {"file": "contacted_domains", "url": "contacted_domains", "domain": "subdomains", "ip": "resolutions"}
COMMENTS = 60


@dataclasses.dataclass
class Post:
    """A POST as VirusTotal received it."""

    what: str
    name: str
    key: str
    began: float
    # `accepted`, `unanswered` or the status of a refusal; `None` while it is in progress.
    outcome: object = None
    version: int | None = None


@dataclasses.dataclass
class Floor:
    """The oldest version that answers may show from a given time on."""

    version: int
    # The names for which it holds even before the gateway learns that the others denote the same object.
    names: frozenset
    at: float
    # The replica that knows of it at once; `None` if both only have to know of it after a while.
    replica: int | None
    # False if the write may not have happened. An older answer is then allowed if VirusTotal fails.
    is_certain: bool
    why: str

    def holds_from(self, replica):
        """Returns the time from which it holds at this replica."""
        return self.at if replica == self.replica else self.at + NEWS_SECONDS


@dataclasses.dataclass
class Analysis:
    """An analysis and its object."""

    name: str
    object: "Object"
    # The part of its answers that identifies the object: `id`, `links` or `meta`.
    style: str
    begun: int
    polls: int
    # The version after its completion.
    completed: int | None = None


class Object:
    """An object under all of its names."""

    def __init__(self, number, kind, activity, dice):
        self.number, self.kind, self.activity = number, kind, activity
        self.collection = COLLECTIONS[kind]
        # The text in `?url=`, an upload or a search, by name.
        self.texts, self.content = {}, b""
        if kind == "file":
            self.content = base64.b64encode(dice.randbytes(dice.randrange(100, 3000)))
            self.names = [hashlib.new(how, self.content).hexdigest() for how in ("md5", "sha1", "sha256")]
        elif kind == "url":
            host = f"u{number}.living.example"
            spellings = [f"http://{host}/a?b={number}", f"HTTP://{host.upper()}/a?b={number}",
                         f"http://{host}:80/a?b={number}"]
            self.texts = {base64.urlsafe_b64encode(text.encode()).decode().rstrip("="): text for text in spellings}
            self.names = [*self.texts, hashlib.sha256(spellings[0].encode()).hexdigest()]
        elif kind == "domain":
            self.names = [f"d{number}.living.example"]
        else:
            self.names = [f"46.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"]
        self.places = [place(self.collection, name) for name in self.names]
        self.version, self.is_known = 1, True
        self.posts = collections.deque(maxlen=64)
        self.floors = []
        # By replica: the time at which it learned that all names denote the same object.
        self.learned = {}
        # The only replica through which reports are read; `None` for both.
        self.reporter = dice.choice([None, 0, 1]) if kind == "file" else None
        # By entry of a replica's cache: its last answer.
        self.given = {}
        # By replica: the time at which a write was last refused.
        self.refused = {}
        self.history = collections.deque(maxlen=30)
        if kind in ("file", "url") and activity != "refusing" and dice.random() < 0.4:
            self.version, self.is_known = 0, False
        self.ends = time.monotonic() + dice.uniform(*LIFE_SECONDS)

    @property
    def canonical(self):
        """The id that VirusTotal gives it."""
        return self.names[-1]

    @property
    def subjects(self):
        """The parts of it that can be read."""
        parts = ["report", "comments", "votes", RELATED[self.kind], "relationships/comments", "search"]
        return parts + (["behaviour_summary"] if self.kind == "file" else [])

    def note(self, what):
        """Adds an event to the history that is printed with a wrong answer."""
        self.history.append((time.monotonic(), what))

    def move(self, why):
        """Increments the version and returns it."""
        self.version += 1
        self.note(f"version {self.version}: {why}")
        return self.version


@dataclasses.dataclass
class Call:
    """A call to VirusTotal about one of the objects."""

    method: str
    object: Object
    name: str
    # The part that is read, or the kind of the write.
    what: str
    query: dict
    key: str
    analysis: Analysis | None = None


def place(collection, name):
    """Returns the entry of the gateway's table for a name."""
    digest = hashlib.sha256(f"{collection}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % PLACES


def digest_of(number, subject, key):
    """Returns the digest in a mark: of the object, the part that was read, and the key."""
    return f"{zlib.crc32(f'{number}/{subject}/{key}'.encode()):08x}"


def content_of(form):
    """Returns the file in a form of one part."""
    return form.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


class World:
    """All objects, their analyses, and the record of VirusTotal's actions."""

    def __init__(self, seed, activities):
        self.dice = random.Random(seed)
        self.serials, self.numbers = itertools.count(1), itertools.count(1)
        self.by_name, self.analyses = {}, {}
        # By place: the time of the last write, or possible write, to an object there.
        self.touched = {}
        # The time of the last failed GET, by key, object and subject; of the last 429, by key, collection and kind.
        self.faults, self.closed = {}, {}
        # The faults that have begun and not ended: a caller that comes meanwhile may share the call.
        self.failing = collections.Counter()
        self.counts = collections.Counter()
        self.alive = [self.create(activity) for activity in activities]

    def create(self, activity):
        """Creates an object."""
        kind = self.dice.choice(["file", "file", "file", "url", "url", "domain", "ip"])
        new = Object(next(self.numbers), kind, activity, self.dice)
        for name in new.names:
            self.by_name[new.collection, name] = new
            self.by_name["search", new.texts.get(name, name)] = new
        return new

    def renew(self):
        """Replaces the objects that have expired."""
        now = time.monotonic()
        for at, old in enumerate(self.alive):
            if old.ends < now:
                self.alive[at] = self.create(old.activity)
                old.given.clear()

    def touch(self, places):
        """Records a write to the objects at these places."""
        now = time.monotonic()
        for at in places:
            self.touched[at] = now

    def touch_upload(self, form):
        """Records an upload of another file, which may share places with the objects."""
        content = content_of(form)
        self.touch(place("files", hashlib.new(how, content).hexdigest()) for how in ("md5", "sha1", "sha256"))

    # Calls

    def call(self, method, target, fields, body):
        """Parses a call; returns `None` if it is not about one of the objects."""
        path, _, query = target.removeprefix("/api/v3/").partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        first, *rest = [urllib.parse.unquote(part) for part in path.split("/")]
        key, analysis = fields["x-apikey"], None
        if method == "POST" and not rest:
            name, what = self.submitted(first, fields, body)
        elif first == "search":
            name, what = query.get("query", ""), "search"
        elif first == "analyses":
            analysis = self.analyses.get(rest[0])
            first, name, what = "", "", f"analyses/{rest[0]}"
        else:
            name, what = rest[0] if rest else "", "/".join(rest[1:]) or "report"
        found = analysis.object if analysis else self.by_name.get((first, name))
        return found and Call(method, found, name, what, query, key, analysis)

    @staticmethod
    def submitted(collection, fields, body):
        """Returns the name of the file or URL in a POST, and the kind of the write."""
        if collection == "urls":
            text = dict(urllib.parse.parse_qsl(body.decode())).get("url", "")
            return base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), "scan"
        is_ours = BOUNDARY in fields.get("content-type", "")
        return hashlib.sha256(content_of(body)).hexdigest() if is_ours else "", "upload"

    async def answer(self, call, reader, writer):
        """Answers a call; returns whether the connection can be reused."""
        self.counts[f"{call.method} {'analyses' if call.analysis else call.what}"] += 1
        if call.method == "POST":
            return await self.post(call, reader, writer)
        if call.analysis:
            return await self.poll(call, reader, writer)
        return await self.get(call, reader, writer)

    def mark(self, call, version):
        """Returns the mark of a new answer."""
        return f"w{digest_of(call.object.number, call.what, call.key)}v{version}n{next(self.serials)}y"

    def pause(self):
        """Returns the seconds that an answer takes."""
        return self.dice.random() * (SLOWEST_SECONDS if self.dice.random() < SLOW else 0.01)

    async def fail(self, call, reader, writer, whole):
        """Answers a GET with a fault."""
        kind = self.dice.choice(READ_FAULTS if self.dice.random() < 0.3 else READ_FAULTS[:-1])
        self.counts[f"GET {kind}"] += 1
        about = call.key, call.object.number, call.what
        self.failing[about] += 1
        self.faults[about] = math.inf
        call.object.note(f"GET {call.name[:8]} {call.what} for {call.key[-5:]}: {kind}")
        try:
            return await fake_virustotal.fail(reader, writer, kind, json.dumps(whole).encode())
        finally:
            self.failing[about] -= 1
            self.faults[about] = math.inf if self.failing[about] else time.monotonic()

    async def get(self, call, reader, writer):
        """Answers a GET with the version at the time of its arrival."""
        it = call.object
        mark = self.mark(call, it.version)
        status, body = 200, self.content(call, mark)
        if not it.is_known:
            status, body = 404, {"error": {"code": "NotFoundError", "message": f"{mark} is not known"}}
        it.note(f"GET {call.name[:8]} {call.what} for {call.key[-5:]}: asked at version {it.version}")
        await asyncio.sleep(self.pause())
        if self.dice.random() < FAULTY:
            return await self.fail(call, reader, writer, body)
        return await fake_virustotal.send(writer, status, body, "gzip" if self.dice.random() < 0.5 else None)

    def content(self, call, mark):
        """Returns the body of an answer."""
        it = call.object
        if call.what == "behaviour_summary":
            return {"data": {"mark": mark, "processes_created": ["x" * 40] * 5}}
        if call.what == "report" or call.what == "search":
            names = fake_virustotal.padding(it.number % 64)[:100]
            attributes = {"mark": mark, "reputation": it.version, "names": names}
            if it.kind == "file":
                attributes |= dict(zip(("md5", "sha1", "sha256"), it.names))
            if it.kind == "url":
                attributes["url"] = next(iter(it.texts.values()))
            found = {"id": it.canonical, "type": fake_virustotal.type_of(it.collection), "attributes": attributes}
            return {"data": [found], "meta": {"count": 1}} if call.what == "search" else {"data": found}
        first, limit = int(call.query.get("cursor", 0)), int(call.query.get("limit", 10))
        last = min(first + limit, COMMENTS)
        related = "domain" if call.what == RELATED[it.kind] else "vote" if call.what == "votes" else "comment"
        rows = [{"id": f"{mark}-{at}", "type": related} for at in range(first, last)]
        if not call.what.startswith("relationships/"):
            rows = [row | {"attributes": {"date": 1_693_526_400, "mark": mark}} for row in rows]
        meta = {"count": COMMENTS} | ({"cursor": str(last)} if last < COMMENTS else {})
        return {"data": rows, "meta": meta}

    async def poll(self, call, reader, writer):
        """Answers with the state of an analysis, and advances it."""
        it, analysis = call.object, call.analysis
        await asyncio.sleep(self.pause())
        is_faulty = self.dice.random() < FAULTY
        # The answer that reports a completion may be lost.
        if not is_faulty or self.dice.random() < 0.5:
            analysis.polls -= 1
            if analysis.polls < 0 and analysis.completed is None:
                it.is_known = True
                analysis.completed = it.move(f"{analysis.name} is completed")
        if analysis.completed is not None:
            self.touch(it.places)
        status = "completed" if analysis.completed is not None else "queued" if analysis.polls > 1 else "in-progress"
        attributes = {"status": status, "date": int(time.time()), "mark": self.mark(call, it.version)}
        body = {"data": {"id": analysis.name, "type": "analysis", "attributes": attributes}}
        if analysis.style == "links":
            body["data"]["links"] = {"item": self.link(it)}
        if analysis.style == "meta":
            body["meta"] = ({"file_info": dict(zip(("md5", "sha1", "sha256"), it.names))} if it.kind == "file" else
                            {"url_info": {"id": it.canonical, "url": next(iter(it.texts.values()))}})
        if is_faulty:
            return await self.fail(call, reader, writer, body)
        can_go_on = await fake_virustotal.send(writer, 200, body)
        if analysis.completed is not None:
            self.touch(it.places)
        return can_go_on

    @staticmethod
    def link(it):
        """Returns VirusTotal's address of an object."""
        return f"https://www.virustotal.com/api/v3/{it.collection}/{it.canonical}"

    async def post(self, call, reader, writer):
        """Accepts a write, refuses it, or leaves it unanswered."""
        it = call.object
        post = Post(call.what, call.name, call.key, time.monotonic())
        it.posts.append(post)
        await asyncio.sleep(self.pause())
        dice = self.dice.random()
        has_no_object = not it.is_known and call.what not in ("upload", "scan")
        if it.activity == "refusing" or has_no_object or dice < REFUSED:
            return await self.refuse(call, post, writer, 404 if has_no_object else None)
        if dice < REFUSED + UNANSWERED:
            return await self.break_off(call, post, reader, writer)
        names, body = self.accept(call, post)
        self.touch(it.places)
        can_go_on = await fake_virustotal.send(writer, 200, body)
        self.touch(it.places)
        now = time.monotonic()
        # Also if the caller has hung up, except for uploads, which end with their caller.
        if call.what != "upload" and now - post.began < SURELY_HEARD_SECONDS:
            it.floors.append(Floor(post.version, names, now, None, True, f"accepted {call.what}"))
        return can_go_on

    def accept(self, call, post):
        """Accepts a write; returns the names that its answer reveals, and the answer."""
        it, names = call.object, {call.name}
        post.outcome, post.version = "accepted", it.move(f"{call.what} by {call.name[:8]} for {call.key[-5:]}")
        self.counts[f"accepted {call.what}"] += 1
        if call.what in ("comments", "votes"):
            mark = f"w{digest_of(it.number, call.what, call.key)}v{post.version}n{next(self.serials)}y"
            return frozenset(names), {"data": {"type": call.what[:-1], "id": mark, "attributes": {"date": 1}}}
        style = self.dice.choice(["id", "links", "meta"] if it.kind in ("file", "url") else ["links"])
        serial = next(self.serials)
        identifier = f"living-{serial}-{self.dice.getrandbits(64):016x}"
        if style == "id":
            identifier = (f"u-{it.canonical}-{serial}" if it.kind == "url" else
                          base64.b64encode(f"{it.names[0]}:{serial}".encode()).decode())
        analysis = Analysis(identifier, it, style, post.version, self.dice.randrange(4))
        self.analyses[identifier] = analysis
        # A new object may be known at once, or only once it has been analysed.
        if call.what in ("upload", "scan"):
            it.is_known = it.is_known or self.dice.random() < 0.5
            names.update(it.names)
        body = {"data": {"type": "analysis", "id": identifier}}
        if style == "links":
            body["data"]["links"] = {"item": self.link(it)}
        return frozenset(names | names_in(analysis) if style != "meta" else names), body

    async def refuse(self, call, post, writer, status):
        """Refuses a write."""
        it = call.object
        fields = ""
        if status is None:
            status = self.dice.choice(list(REFUSALS))
            if self.dice.random() < TOO_MANY:
                status, fields = 429, f"Retry-After: {CLOSED_SECONDS}\r\n"
                self.closed[call.key, it.collection, call.what] = time.monotonic()
        self.counts[f"refused {status}"] += 1
        it.note(f"{call.what} by {call.name[:8]} is refused: {status}")
        post.outcome = status
        error = {"code": REFUSALS.get(status, "QuotaExceededError"), "message": "no"}
        return await fake_virustotal.send(writer, status, {"error": error}, fields=fields)

    async def break_off(self, call, post, reader, writer):
        """Ends a write without an answer, whether or not it is carried out."""
        it = call.object
        kind = self.dice.choice(WRITE_FAULTS if call.what != "upload" else WRITE_FAULTS[:-1])
        self.counts[f"POST {kind}"] += 1
        post.outcome = "unanswered"
        if self.dice.random() < 0.6:
            post.version = it.move(f"{call.what} by {call.name[:8]}, {kind}")
            if call.what in ("upload", "scan"):
                it.is_known = True
        self.touch(it.places)
        if kind == "broken":
            can_go_on = await fake_virustotal.send(writer, 500, b"<html>")
        elif kind == "late":
            error = {"code": "DeadlineExceededError", "message": "late"}
            can_go_on = await fake_virustotal.send(writer, 504, {"error": error})
        else:
            started = b'{"data": {"type": "analysis", "id": "half"}}'
            can_go_on = await fake_virustotal.fail(reader, writer, kind, started)
        it.note(f"{call.what} by {call.name[:8]} ended: {kind}")
        self.touch(it.places)
        if post.version and call.what != "upload":
            names = frozenset(it.names if call.what == "scan" else [call.name])
            it.floors.append(Floor(post.version, names, time.monotonic(), None, False, f"{call.what}, {kind}"))
        return can_go_on


def names_in(analysis):
    """Returns the names of the object that answers about an analysis reveal."""
    it = analysis.object
    told = {"id": it.names[:1], "links": it.names[-1:], "meta": it.names}
    return frozenset(told[analysis.style])
