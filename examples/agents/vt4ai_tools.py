#!/usr/bin/env python3
"""Answers the tool calls of a model by a VT4AI gateway, with the standard library alone.

    python3 examples/agents/vt4ai_tools.py NAME '{"argument": "value"}'

The definitions for the model are in openai.json, openai-chat.json and anthropic.json, beside this file. VT4AI_URL is the
gateway (http://localhost:8000 without it), VT4AI_KEY a client token or a VirusTotal key.
"""

import base64
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

COLLECTIONS = {"file": "files", "domain": "domains", "ip": "ips", "url": "urls"}
# The gateway itself gives up on a report after 60 seconds.
TIMEOUT_SECONDS = 70
# The time that a call waits for quota in all; beyond it the model gets to know when to try again.
MAX_WAIT_SECONDS = 20
MAX_ATTEMPTS = 3
MAX_BYTES = 1_000_000
# Text that strangers wrote is marked: its words are joined by `ˆ`. `withhold` is the stricter choice.
UNTRUSTED = "mark"


class ToolError(Exception):
    """A sentence for the model in place of an answer."""


@dataclass(frozen=True)
class Call:
    """A request to the gateway, every value of it percent-encoded."""

    path: str
    query: dict
    body: dict | None = None
    format: str = "text/markdown"

    def target(self) -> str:
        """Returns the path and query."""
        return f"/api/v1/{self.path}" + (f"?{urlencode(self.query, quote_via=quote)}" if self.query else "")


class NoRedirects(HTTPRedirectHandler):
    """Treats a redirect as an error: it would take the token to another server."""

    def redirect_request(self, *_):
        return None


def call(name: str, arguments: dict) -> str:
    """Returns the answer to a tool call: Markdown, JSON for `get_quota`, or one sentence about an error."""
    try:
        return send(build(name, arguments))
    except ToolError as error:
        return str(error)


def build(name: str, arguments: dict) -> Call:
    """Maps a tool call to a request, or raises `ToolError`; models and attackers choose these values."""
    if not isinstance(arguments, dict):
        raise ToolError("Give the arguments as an object.")
    builders = {"lookup": lookup, "get_report": get_report, "get_related": get_related, "get_quota": get_quota}
    if name not in builders:
        raise ToolError(f"There is no such tool; the tools are {', '.join(builders)}.")
    given = {key: value for key, value in arguments.items() if value is not None}
    known = {
        "lookup": {"indicators", "max_tokens"},
        "get_report": {"indicator", "fields", "max_tokens"},
        "get_related": {"type", "indicator", "relationship", "limit", "max_tokens"},
        "get_quota": set(),
    }[name]
    if not given.keys() <= known:
        raise ToolError(f"The arguments of {name} are: {', '.join(sorted(known)) or 'none'}.")
    return builders[name](given)


def lookup(given: dict) -> Call:
    """Builds the request for a table of verdicts."""
    indicators = given.get("indicators")
    if not isinstance(indicators, list) or not 1 <= len(indicators) <= 50:
        raise ToolError("Give 1 to 50 indicators as a list.")
    body = {"indicators": [text(it) for it in indicators], "max_tokens": number(given, "max_tokens", 1000, 50, 8000)}
    return Call("lookup", {}, body)


def get_report(given: dict) -> Call:
    """Builds the request for one report."""
    query = {"indicator": text(given.get("indicator"))} | bounds(given)
    fields = given.get("fields", [])
    if not isinstance(fields, list):
        raise ToolError("Give the fields as a list of names.")
    # A view and fields exclude each other.
    if fields:
        query["fields"] = ",".join(text(it) for it in fields)
    else:
        query["view"] = "brief"
    return Call("lookup", query)


def get_related(given: dict) -> Call:
    """Builds the request for related objects."""
    kind, relationship = given.get("type"), given.get("relationship")
    if not isinstance(kind, str) or kind not in COLLECTIONS:
        raise ToolError("Give the type of the indicator: file, domain, ip or url.")
    if not isinstance(relationship, str) or not re.fullmatch("[a-z_]{1,60}", relationship):
        raise ToolError("Give the name of a relationship, such as contacted_domains.")
    indicator = text(given.get("indicator"))
    if kind == "url" and not re.fullmatch("[0-9a-fA-F]{64}", indicator):
        # VirusTotal's id of a URL; the other one is a digest.
        indicator = base64.urlsafe_b64encode(refang(indicator).encode()).decode().rstrip("=")
    query = {"view": "brief", "limit": number(given, "limit", 10, 1, 40)} | bounds(given)
    return Call(f"{COLLECTIONS[kind]}/{quote(indicator, safe='')}/relationships/{relationship}", query)


def get_quota(_: dict) -> Call:
    """Builds the request for the quota that is left, which the gateway gives as JSON alone."""
    return Call("quota", {}, format="application/json")


def bounds(given: dict) -> dict:
    """Returns the parameters that hold an answer for a model within its bounds."""
    return {"max_tokens": number(given, "max_tokens", 1000, 50, 8000), "untrusted": UNTRUSTED}


def text(value: object) -> str:
    """Returns a text that can be part of a request; neither an empty one nor `..` may lead to another path."""
    if not isinstance(value, str) or not value.isprintable() or not value.strip(" .") or len(value) > 4000:
        raise ToolError("Give each indicator or field as a text of at most 4000 printable characters.")
    return value.strip(" ")


def number(given: dict, name: str, default: int, least: int, most: int) -> int:
    """Returns a whole number within its bounds."""
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ToolError(f"Give {name} as a whole number from {least} to {most}.")
    return max(least, min(most, value))


def refang(url: str) -> str:
    """Writes the scheme and the dots of a defanged URL as they were; its path and query stay, a missing scheme is http."""
    url = url.replace("[:]", ":").replace("[://]", "://")
    start = url.find("://") + 3 if "://" in url else 0
    end = start + re.search("[/?#]|$", url[start:]).start()
    host = re.sub(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]", ".", url[start:end])
    scheme = re.sub("^hxxp", "http", url[:start], flags=re.IGNORECASE) or "http://"
    return scheme + host + url[end:]


def send(request: Call) -> str:
    """Sends a request, again after a time that the gateway names, and returns its answer or raises `ToolError`."""
    waited = 0
    for attempt in range(1, MAX_ATTEMPTS + 1):
        status, headers, body = exchange(request)
        if status == 200:
            return body if body.strip() else "There is none."
        pause = retry_after(headers)
        may_wait = status in (429, 503) and pause is not None and waited + pause <= MAX_WAIT_SECONDS
        if not may_wait or attempt == MAX_ATTEMPTS:
            break
        time.sleep(pause)
        waited += pause
    raise ToolError(explain(status, pause, body))


def exchange(request: Call) -> tuple:
    """Returns the status, the headers and the text of one answer."""
    gateway, key = os.environ.get("VT4AI_URL", "http://localhost:8000").rstrip("/"), os.environ.get("VT4AI_KEY")
    if urlsplit(gateway).scheme not in ("http", "https"):
        raise ToolError("VT4AI_URL is no http or https URL, so no lookup works until the user has corrected it.")
    headers = {"Accept": request.format, "User-Agent": "vt4ai-tools"}
    if key:
        headers["X-API-Key"] = key
    data = None
    if request.body is not None:
        data, headers["Content-Type"] = json.dumps(request.body).encode(), "application/json"
    try:
        # Certificates are verified, as urllib does unless it is told otherwise.
        opener = build_opener(NoRedirects)
        with opener.open(Request(gateway + request.target(), data, headers), timeout=TIMEOUT_SECONDS) as answer:
            return read(answer.status, answer)
    except HTTPError as error:
        with error:
            return read(error.code, error)
    except (OSError, HTTPException, ValueError):
        raise ToolError("The lookup failed because the gateway did not answer; the verdict stays unknown.") from None


def read(status: int, answer) -> tuple:
    """Reads an answer of a bounded size."""
    body = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ToolError("The answer was too long; ask for fewer fields.")
    return status, answer.headers, body.decode("utf-8", "replace")


def retry_after(headers) -> int | None:
    """Returns the seconds of Retry-After; another form than whole seconds counts as none."""
    value = headers.get("Retry-After", "")
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else None


def explain(status: int, pause: int | None, body: str) -> str:
    """Returns the sentence for an answer that is an error."""
    try:
        error = json.loads(body)
        code, detail = error["code"] + "", error["detail"][:500] + ""
    except (ValueError, KeyError, TypeError, RecursionError):
        code, detail = "no code", ""
    if status == 400 and detail:
        return f"The call was refused, so correct it: {detail}"
    if status == 401:
        return "The gateway refused the key, so no lookup works until the user has set a valid one."
    if status == 403:
        return "The key may not do this; tell the user."
    if status == 404 and code == "NotFoundError":
        return "VirusTotal does not know this object, which does not mean that it is harmless."
    if status == 429:
        when = f"in {pause} seconds" if pause is not None else "later"
        return f"The quota of lookups is used up, so try again {when} or go on without."
    return f"The lookup failed with status {status} ({code}); the verdict stays unknown."


def main() -> None:
    """Answers the tool call on the command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: vt4ai_tools.py lookup|get_report|get_related|get_quota ARGUMENTS, which are a JSON object")
    try:
        arguments = json.loads(sys.argv[2])
    except ValueError:
        arguments = None
    print(call(sys.argv[1], arguments))


if __name__ == "__main__":
    main()
