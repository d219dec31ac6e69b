"""Callers that write to objects through one of two replicas, and check every later answer against their writes.

Used by `soak.py`, on the objects of `objects.py`.

The rule: no answer is older than the last write to its object, under any of its names. It holds for requests that begin
after the write was confirmed through the same replica, and two seconds later through the other one. It holds in the
same way after the completion of an analysis was reported. If a write may have happened (no answer, 5xx), the object is
looked up again, and an older answer is given only if VirusTotal fails. A refused write invalidates nothing.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import random
import time
import urllib.parse
import xml.etree.ElementTree

import callers
import objects

# Shares of all requests: those whose caller hangs up, and those with `Cache-Control: no-cache`.
HANG_UPS = 0.03
NO_CACHE = 0.03
# The shares of the sequences of requests that a client sends about an object.
ACTIONS = {"read": 0.45, "write": 0.3, "analysis": 0.13, "refusal": 0.12}
# The share of writes to an object of this activity that take place.
WRITTEN = {"busy": 1.0, "calm": 0.25}
SLACK_SECONDS = 0.5
# After this time without a request the gateway may close a connection.
IDLE_SECONDS = 3
# The number of wrong answers that are printed with the history of their object.
HISTORIES = 10
# A little longer than the time within which all replicas learn of a change.
SETTLED_SECONDS = objects.NEWS_SECONDS + 0.5
API = {"file": "files", "url": "urls", "domain": "domains", "ip": "ips"}
WITHOUT_ANSWER = (502, 503, 504)


@dataclasses.dataclass
class Read:
    """A GET about an object."""

    it: objects.Object
    who: callers.Caller
    replica: int
    name: str
    subject: str
    form: str
    limit: int | None
    skips_cache: bool
    began: float = 0

    @property
    def entry(self):
        """The entry of the gateway's cache that holds the answer."""
        return self.replica, self.who.key, self.name, self.subject, self.limit

    @property
    def is_paged(self):
        """Whether the answer is assembled from several pages."""
        return self.limit is not None and self.limit > 40

    def __str__(self):
        return (f"{self.subject} of {self.it.kind} {self.it.number} ({self.it.activity}) by {self.name[:8]} through "
                f"{self.replica} as {self.form} for {self.who.name}")


@dataclasses.dataclass
class Given:
    """An answer that a replica gave."""

    version: int
    # The earliest time at which VirusTotal may have been asked.
    asked: float
    ended: float


@dataclasses.dataclass
class Write:
    """A POST to an object."""

    it: objects.Object
    who: callers.Caller
    replica: int
    name: str
    what: str
    data: bytes
    began: float = 0

    def __str__(self):
        return (f"{self.what} to {self.it.kind} {self.it.number} by {self.name[:8]} through {self.replica} "
                f"for {self.who.name}")


# Requests

def spelled(dice, it, name):
    """Returns a name of an object as a caller may spell it in a path."""
    if it.kind == "domain":
        return dice.choice([name, name.upper(), f"{name}."])
    if it.kind == "file" and dice.random() < 0.2:
        return name.upper()
    return name


def path_of(dice, read):
    """Returns the path and query of a read, without its format."""
    it, name, query = read.it, read.name, {}
    path = f"/api/v1/{API[it.kind]}/{spelled(dice, it, name)}"
    if read.limit:
        query["limit"] = read.limit
    if read.subject == "search":
        path, query["query"] = "/api/v1/search", it.texts.get(name, name)
    elif read.subject == "report":
        if name in it.texts and dice.random() < 0.5:
            path, query["url"] = "/api/v1/urls/analyze", it.texts[name]
    elif read.subject == "relationships/comments":
        path, query["descriptors_only"] = f"{path}/relationships/comments", "true"
    elif read.subject == "behaviour_summary" or read.subject in ("comments", "votes") and dice.random() < 0.5:
        path += f"/{read.subject}"
    else:
        path += f"/relationships/{read.subject}"
    return path, query


def head(method, path, who, more=""):
    """Returns the head of a request without its last line."""
    return f"{method} {path} HTTP/1.1\r\nHost: soak\r\nX-API-Key: {who.credential}\r\n{more}"


def data_of(dice, read):
    """Returns the bytes of a read."""
    path, query = path_of(dice, read)
    form, accept, _ = callers.FORMS[read.form]
    query |= dict(urllib.parse.parse_qsl(form.removeprefix("?")))
    more = f"Accept: {accept}\r\n"
    more += "Accept-Encoding: gzip\r\n" if dice.random() < 0.3 else ""
    more += "Cache-Control: no-cache\r\n" if read.skips_cache else ""
    return (head("GET", f"{path}?{urllib.parse.urlencode(query)}", read.who, more) + "\r\n").encode()


def write_of(dice, it, who, replica, what):
    """Creates a write of this kind, by any of the object's names."""
    name, media, body = dice.choice(it.names), "application/json", b""
    path = f"/api/v1/{API[it.kind]}/{spelled(dice, it, name)}/{what}"
    if what == "comments":
        body = json.dumps({"text": f"comment {dice.random()}"}).encode()
    elif what == "votes":
        body = json.dumps({"verdict": dice.choice(["harmless", "malicious"])}).encode()
    elif what == "scan":
        name = dice.choice(list(it.texts))
        path, body = "/api/v1/urls", json.dumps({"url": it.texts[name]}).encode()
    elif what == "upload":
        name, path, media = it.canonical, "/api/v1/files", f"multipart/form-data; boundary={objects.BOUNDARY}"
        start = f'--{objects.BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = start.encode() + it.content + f"\r\n--{objects.BOUNDARY}--\r\n".encode()
    more = f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n"
    return Write(it, who, replica, name, what, (head("POST", path, who, more) + "\r\n").encode() + body)


# Checks

class Judge:
    """Checks answers against writes, and records wrong ones."""

    def __init__(self, world, fresh_seconds):
        self.world, self.fresh_seconds = world, fresh_seconds
        self.counts = collections.Counter()
        self.wrong = []

    def note(self, what, it=None):
        """Records a wrong answer, the first ones with the history of their object."""
        now = time.monotonic()
        if it and len(self.wrong) < HISTORIES:
            what += "".join(f"\n    {at - now:+.3f} {text}" for at, text in it.history)
        self.wrong.append(what)

    # Reads

    def read(self, read, answer):
        """Judges a read."""
        now = time.monotonic()
        cache = answer.fields.get("x-cache", "-")
        self.counts[answer.status] += 1
        self.counts[cache] += 1
        try:
            version = self.check_read(read, answer, cache)
            shown = f"version {version}"
            if version is not None:
                self.check_floor(read, cache, version)
                self.check_kept(read, answer, (cache, version, now))
        except (callers.Wrong, ValueError, KeyError, TypeError, xml.etree.ElementTree.ParseError) as error:
            shown = repr(error)
            self.note(f"{read}, begun {read.began - now:+.3f}: {answer.status} {cache} "
                      f"{answer.fields.get('age')}: {error!r}", read.it)
        read.it.note(f"{read}: {answer.status} {cache}, {shown}, took {now - read.began:.3f}")
        if answer.status == 200 and read.subject == "report":
            read.it.learned.setdefault(read.replica, now)

    def check_read(self, read, answer, cache):
        """Returns the oldest version that an answer shows, or `None` for an error; raises if it has another subject."""
        failed = self.world.faults.get((read.who.key, read.it.number, read.subject), 0)
        has_failed = failed >= read.began - SLACK_SECONDS
        if (answer.status in WITHOUT_ANSWER or cache == "STALE") and not has_failed:
            raise callers.Wrong(f"VirusTotal has not failed: {answer.body[:200]!r}")
        if answer.status not in (200, 404):
            callers.check_error(answer)
            return None
        if answer.status == 404:
            callers.check_error(answer)
        else:
            callers.check_form(read, answer)
        marks = set(objects.MARK.findall(answer.body))
        if not marks:
            raise callers.Wrong(f"no mark: {answer.body[:200]!r}")
        digest = objects.digest_of(read.it.number, read.subject, read.who.key).encode()
        if any(found != digest for found, _, _ in marks):
            raise callers.Wrong("it is about something else, or for another key")
        if len(marks) > (2 if read.is_paged else 1):
            raise callers.Wrong(f"{len(marks)} marks")
        return min(int(version) for _, version, _ in marks)

    def check_floor(self, read, cache, version):
        """Raises if an answer is older than a write that it must show."""
        floors = [floor for floor in read.it.floors if self.binds(floor, read, cache)]
        if not floors:
            return
        floor = max(floors, key=lambda it: (it.version, it.replica is not None))
        where = "here" if floor.replica == read.replica else "elsewhere" if floor.replica is not None else "sometime"
        self.counts["judged", floor.why.split()[0].strip(","), where] += 1
        if read.it.kind == "file" and read.name not in floor.names and read.replica not in read.it.learned:
            self.counts["told elsewhere"] += 1
        given = read.it.given.get(read.entry)
        if given and given.version < floor.version:
            self.counts["older kept", where] += 1
        if version < floor.version:
            raise callers.Wrong(f"version {version}, and {floor.version} is known since "
                                f"{floor.holds_from(read.replica) - read.began:+.3f} ({floor.why} by "
                                f"{sorted(name[:8] for name in floor.names)} through {floor.replica})")

    @staticmethod
    def binds(floor, read, cache):
        """Returns whether a read must not show a version older than this one."""
        if not floor.is_certain and cache == "STALE":
            return False
        if floor.holds_from(read.replica) > read.began:
            return False
        if read.it.kind != "file" or read.name in floor.names:
            return True
        told = read.it.learned.items()
        return any(at + (0 if replica == read.replica else objects.NEWS_SECONDS) <= read.began for replica, at in told)

    def check_kept(self, read, answer, seen):
        """Raises if a fresh answer was not served from the cache although nothing was written."""
        cache, version, now = seen
        before = read.it.given.get(read.entry)
        if before and before.ended <= read.began and not read.skips_cache and not read.is_paged:
            refused = read.it.refused.get(read.replica, 0)
            touched = max(self.world.touched.get(at, 0) for at in read.it.places)
            failed = self.world.faults.get((read.who.key, read.it.number, read.subject), 0)
            is_quiet = touched + SETTLED_SECONDS < before.asked and failed < before.asked
            if is_quiet and now - before.asked < self.fresh_seconds - 1:
                after = "after a refusal" if before.ended < refused < read.began else "kept"
                self.counts[after, cache] += 1
                if cache != "HIT":
                    raise callers.Wrong(f"{cache} {after}, and nothing was written")
        if answer.status == 200 and cache in ("HIT", "MISS"):
            asked = read.began if cache == "MISS" and read.skips_cache else now - int(answer.fields["age"]) - 1
            read.it.given[read.entry] = Given(version, asked, now)

    # Writes

    def write(self, write, answer):
        """Judges the answer to a write; returns the id of the analysis that it started, if any."""
        now = time.monotonic()
        try:
            analysis, shown = self.check_write(write, answer, now)
        except (callers.Wrong, ValueError, KeyError, TypeError) as error:
            analysis, shown = None, repr(error)
            self.note(f"{write}, begun {write.began - now:+.3f}: {answer.status}: {error!r}", write.it)
        write.it.note(f"{write}: {answer.status}, {shown}")
        return analysis

    def check_write(self, write, answer, now):
        """Records the effect of a write; raises if its answer is inconsistent with VirusTotal's actions."""
        posts = [post for post in write.it.posts
                 if (post.what, post.name, post.key) == (write.what, write.name, write.who.key)
                 and post.began >= write.began]
        kinds = {202: "accepted", 200: "accepted"}
        outcome = kinds.get(answer.status, answer.status)
        if outcome in WITHOUT_ANSWER:
            outcome = "unanswered"
        matching = [post for post in posts if post.outcome == outcome]
        self.counts["written", outcome] += 1
        if outcome == 429 and not matching:
            closed = self.world.closed.get((write.who.key, write.it.collection, write.what), 0)
            if closed < write.began - objects.CLOSED_SECONDS - SLACK_SECONDS:
                raise callers.Wrong("429, and VirusTotal has not said so")
        elif not matching:
            raise callers.Wrong(f"VirusTotal did {[post.outcome for post in posts]}: {answer.body[:200]!r}")
        if outcome == "accepted":
            return self.confirm(write, answer, now)
        detail = json.loads(answer.body)["detail"]
        if outcome == "unanswered":
            if "may have been carried out" not in detail:
                raise callers.Wrong(f"it does not say that it may have been done: {detail}")
            versions = [post.version for post in matching]
            # If several writes match, the answer does not show which of them it belongs to.
            if all(versions):
                names = write.it.names if write.what in ("upload", "scan") else [write.name]
                why = f"possible {write.what}"
                floor = objects.Floor(min(versions), frozenset(names), now, write.replica, False, why)
                write.it.floors.append(floor)
            return None, f"possibly version {versions}"
        write.it.refused[write.replica] = now
        return None, "refused"

    def confirm(self, write, answer, now):
        """Records an accepted write; returns the id of its analysis, if any."""
        data = json.loads(answer.body)["data"]
        it, names = write.it, {write.name}
        analysis = self.world.analyses.get(data["id"])
        if analysis:
            if analysis.object is not it:
                raise callers.Wrong("an analysis of something else")
            version = analysis.begun
            if analysis.style != "meta":
                names |= objects.names_in(analysis)
        else:
            [(digest, version, _)] = objects.MARK.findall(data["id"].encode())
            if digest.decode() != objects.digest_of(it.number, write.what, write.who.key):
                raise callers.Wrong("it is about something else, or for another key")
        if write.what in ("upload", "scan"):
            names |= set(it.names)
            it.learned.setdefault(write.replica, now)
        floor = objects.Floor(int(version), frozenset(names), now, write.replica, True, f"write: {write.what}")
        it.floors.append(floor)
        return data["id"] if analysis else None, f"version {version}"

    # Analyses

    def poll(self, analysis, who, replica, began, answer):
        """Judges the answer to a poll; returns whether the analysis is completed."""
        now, it = time.monotonic(), analysis.object
        try:
            is_over = self.check_poll(analysis, who, began, answer)
        except (callers.Wrong, ValueError, KeyError, TypeError) as error:
            is_over = False
            self.note(f"{analysis.name} of {it.kind} {it.number} through {replica}: {answer.status}: {error!r}", it)
        it.note(f"poll of {analysis.name} through {replica} for {who.name}: {answer.status}, is over: {is_over}")
        if is_over:
            self.counts["completed"] += 1
            names = objects.names_in(analysis)
            it.floors.append(objects.Floor(analysis.completed, names, now, replica, True, "completion"))
        return is_over

    def check_poll(self, analysis, who, began, answer):
        """Returns whether an answer reports an analysis as completed; raises if the answer is wrong."""
        what = f"analyses/{analysis.name}"
        self.counts["polls", answer.status] += 1
        if answer.status in WITHOUT_ANSWER:
            if self.world.faults.get((who.key, analysis.object.number, what), 0) < began - SLACK_SECONDS:
                raise callers.Wrong(f"VirusTotal has not failed: {answer.body[:200]!r}")
            return False
        if answer.status != 200:
            raise callers.Wrong(f"{answer.body[:200]!r}")
        digest = objects.digest_of(analysis.object.number, what, who.key).encode()
        if [digest] != [found for found, _, _ in objects.MARK.findall(answer.body)]:
            raise callers.Wrong("it is about something else, or for another key")
        is_over = json.loads(answer.body)["data"]["status"] == "completed"
        if is_over and analysis.completed is None:
            raise callers.Wrong("completed before VirusTotal said so")
        return is_over


# Load

class HungUp(Exception):
    """The caller has hung up."""


class Client:
    """One client with a connection to each replica."""

    def __init__(self, writers):
        self.writers, self.dice, self.judge = writers, writers.dice, writers.judge
        # By replica: reader and writer, and the time of their last use.
        self.streams, self.used = {}, {}
        self.asked = 0

    async def stream(self, replica):
        """Returns an open connection to a replica."""
        now = time.monotonic()
        if self.used.get(replica, now) < now - IDLE_SECONDS:
            self.close(replica)
        if replica not in self.streams:
            self.streams[replica] = await asyncio.open_connection("127.0.0.1", self.writers.ports[replica])
        self.used[replica] = now
        return self.streams[replica]

    def close(self, replica):
        """Closes the connection to a replica."""
        _, writer = self.streams.pop(replica, (None, None))
        if writer:
            writer.close()

    async def send(self, replica, data):
        """Sends a request and returns its answer, unless the caller hangs up."""
        reader, writer = await self.stream(replica)
        self.asked += 1
        if self.dice.random() < HANG_UPS:
            await self.hang_up(reader, writer, data)
            self.streams.pop(replica)
            raise HungUp
        try:
            writer.write(data)
            answer = await asyncio.wait_for(callers.read_answer(reader), 60)
        except BaseException:
            self.close(replica)
            raise
        if answer.fields.get("connection") == "close":
            self.close(replica)
        return answer

    async def hang_up(self, reader, writer, data):
        """Closes the connection within the request, soon after it, or within the answer."""
        self.judge.counts["hung up"] += 1
        is_whole = self.dice.random() < 0.8
        writer.write(data if is_whole else data[:self.dice.randrange(1, len(data))])
        if is_whole and self.dice.random() < 0.6:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(100), self.dice.random() * 0.3)
        if self.dice.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()

    def read_of(self, it, who, replica):
        """Creates a read of any part of an object."""
        subject = self.dice.choice(it.subjects + ["report"] * 3)
        if subject == "report" and it.reporter not in (None, replica):
            subject = "comments"
        names = it.names
        if subject == "search" and it.kind == "url":
            names = names[:1]
        is_list = subject in ("comments", "votes", "relationships/comments", objects.RELATED[it.kind])
        limit = self.dice.choice([None, None, None, 50]) if is_list else None
        form = self.dice.choice(list(callers.FORMS))
        return Read(it, who, replica, self.dice.choice(names), subject, form, limit, self.dice.random() < NO_CACHE)

    def through(self, like, replica):
        """Creates the same read through another replica, of a list if that one must not see reports."""
        is_refused = like.subject == "report" and like.it.reporter not in (None, replica)
        subject = "comments" if is_refused else like.subject
        return dataclasses.replace(like, replica=replica, skips_cache=False, subject=subject)

    async def read(self, read):
        """Sends a read and judges its answer."""
        data = data_of(self.dice, read)
        await self.stream(read.replica)
        read.began = time.monotonic()
        self.judge.read(read, await self.send(read.replica, data))

    async def write(self, write):
        """Sends a write and judges its answer; returns the id of the analysis that it starts, if any."""
        await self.stream(write.replica)
        write.began = time.monotonic()
        try:
            answer = await self.send(write.replica, write.data)
        except HungUp:
            # An upload ends with its caller, so that the gateway does not learn of a refusal.
            if write.what == "upload":
                self.judge.world.touch(write.it.places)
            raise
        return self.judge.write(write, answer)

    # Sequences of requests

    async def do_read(self, it, who):
        """Reads a few times, through any replica."""
        for _ in range(self.dice.randrange(1, 5)):
            await self.read(self.read_of(it, who, self.replica()))

    async def do_write(self, it, who):
        """Reads, writes and reads again, through the same replica and later through the other one."""
        replica = self.replica()
        like = self.read_of(it, who, replica)
        await self.read(like)
        if self.dice.random() < 0.5:
            await self.read(self.through(like, 1 - replica))
        write = write_of(self.dice, it, who, replica, self.dice.choice(["analyse", "comments", "votes"]))
        if self.dice.random() < 0.4:
            await self.race(like, write)
        else:
            await self.write(write)
        await self.read(dataclasses.replace(like, skips_cache=False))
        await self.do_read(it, who)
        if self.dice.random() < 0.4:
            await asyncio.sleep(self.dice.uniform(0, 2) + self.dice.choice([0, objects.NEWS_SECONDS]))
            await self.read(self.through(like, 1 - replica))

    async def race(self, like, write):
        """Writes while another client reads the same."""
        other = Client(self.writers)
        reading = asyncio.create_task(other.read(dataclasses.replace(like, skips_cache=True)))
        await asyncio.sleep(self.dice.random() * 0.02)
        try:
            await self.write(write)
        finally:
            # It keeps running: a read that begins after the write must not coalesce with it.
            self.writers.reading.add(reading)
            reading.add_done_callback(self.writers.reading.discard)
            reading.add_done_callback(other.leave)

    def leave(self, done):
        """Closes all connections once a task is done."""
        self.asked = 0
        for replica in list(self.streams):
            self.close(replica)
        if not done.cancelled() and done.exception() and not isinstance(done.exception(), HungUp):
            self.judge.note(f"a connection broke: {done.exception()!r}")

    async def do_analysis(self, it, who):
        """Starts an analysis, polls it through any replica, and reads the object once it is completed."""
        what = self.dice.choice({"file": ["upload", "analyse"], "url": ["scan", "analyse"]}.get(it.kind, ["analyse"]))
        like = self.read_of(it, who, self.replica())
        await self.read(like)
        started = await self.write(write_of(self.dice, it, who, self.replica(), what))
        if not started:
            return
        analysis = self.judge.world.analyses[started]
        for _ in range(12):
            replica = self.replica()
            wait = "&wait=2s" if self.dice.random() < 0.1 else ""
            path = f"/api/v1/analyses/{urllib.parse.quote(started, safe='')}?format=json{wait}"
            await self.stream(replica)
            began = time.monotonic()
            answer = await self.send(replica, (head("GET", path, who) + "\r\n").encode())
            if self.judge.poll(analysis, who, replica, began, answer):
                await self.read(self.through(like, replica))
                break
            if self.dice.random() < 0.3:
                await self.read(dataclasses.replace(like, skips_cache=False))
            await asyncio.sleep(self.dice.random() * 0.5)
        await self.do_read(it, who)

    async def do_refusal(self, it, who):
        """Reads, sends a write that is refused, and reads the same."""
        like = dataclasses.replace(self.read_of(it, who, self.replica()), skips_cache=False, limit=None)
        await self.read(like)
        what = ["analyse", "comments", "votes"] + {"file": ["upload"], "url": ["scan"]}.get(it.kind, [])
        await self.write(write_of(self.dice, it, who, like.replica, self.dice.choice(what)))
        await self.read(like)

    def replica(self):
        """Returns any replica."""
        return self.dice.randrange(2)

    async def live(self, pause):
        """Runs one sequence after the other until the test is over."""
        while not self.writers.is_over.is_set():
            it = self.dice.choice(self.judge.world.alive)
            action = self.dice.choices(list(ACTIONS), ACTIONS.values())[0]
            if it.activity == "refusing":
                action = "refusal" if action != "read" else action
            elif action == "refusal" or action != "read" and self.dice.random() > WRITTEN[it.activity]:
                action = "read"
            who = self.dice.choice(self.writers.callers)
            try:
                await getattr(self, f"do_{action}")(it, who)
            except HungUp:
                pass
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.judge.note(f"a connection broke: {error!r}")
            asked, self.asked = self.asked, 0
            await asyncio.sleep(asked * self.dice.expovariate(1 / pause))
        for replica in list(self.streams):
            self.close(replica)


class Writers:
    """All writing clients, and their judge."""

    def __init__(self, world, known, ports, seed):
        self.callers, self.ports = known, ports
        self.dice = random.Random(seed)
        self.judge = Judge(world, callers.FRESH_SECONDS)
        self.is_over = asyncio.Event()
        # Reads that run beside a write.
        self.reading = set()

    async def live(self, number, pause):
        """Runs `number` clients until the test is over."""
        clients = [asyncio.create_task(Client(self).live(pause)) for _ in range(number)]
        while not self.is_over.is_set():
            await asyncio.sleep(0.5)
            self.judge.world.renew()
        await asyncio.gather(*clients)
        await asyncio.gather(*self.reading, return_exceptions=True)
