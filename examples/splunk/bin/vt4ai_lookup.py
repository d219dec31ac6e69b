#!/usr/bin/env python3
"""An external lookup of Splunk that asks a VT4AI gateway for verdicts: CSV in, CSV out, with the standard library alone.

Splunk runs it with the names of the fields and hands it the distinct values of a search, a row each. All of them go in one
request, so that each indicator is looked up once. VT4AI_URL is the gateway, VT4AI_KEY a client token or a VirusTotal key,
VT4AI_MAX_UNITS the lookups that a search may spend at most (100 without it). Splunk's environment has them, no file here.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

# The time between two lines of an answer at most; the gateway sends one every 15 seconds.
TIMEOUT_SECONDS = 70
# The time that one search waits for quota, at the gateway and between attempts.
MAX_WAIT_SECONDS = 60
MAX_ATTEMPTS = 3
# A request of that many indicators of that many bytes keeps within the gateway's 2 MiB.
BATCH = 500
MAX_BYTES = 4000
MAX_LINE = 1_000_000
OUTPUTS = ("vt_level", "vt_reason", "vt_malicious", "vt_engines", "vt_label", "vt_analysed", "vt_stale", "vt_error")


class NoRedirects(HTTPRedirectHandler):
    """Treats a redirect as an error: it would take the token to another server."""

    def redirect_request(self, *_):
        return None


def main(field: str) -> None:
    """Fills the outputs of each row whose indicator the gateway can look up."""
    # Bytes that are no UTF-8 go out as they came in, and neither they nor a large field end the search.
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(line.replace("\0", "") for line in sys.stdin)
    rows = list(reader)
    names = reader.fieldnames or [field]
    wanted = list(dict.fromkeys(it[field] for it in rows if fits(it.get(field))))
    budget = max_units()
    unfit = {"vt_error": "no indicator: it is too long or has characters that can't be printed"}
    answers = {it[field]: unfit for it in rows if it.get(field)} | {"": {}}
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        found, spent = look_up(batch, budget)
        budget = max(0, budget - spent)
        answers |= {it: found.get(it, {"vt_error": "not looked up: quota or VT4AI_MAX_UNITS is used up"}) for it in batch}
    writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row | answers.get(row.get(field), {}) for row in rows)


def fits(value: object) -> bool:
    """Tells whether a value can be an indicator."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return False
    return len(json.dumps(value, ensure_ascii=False).encode()) <= MAX_BYTES


def max_units() -> int:
    """Returns the lookups that this run may spend."""
    value = os.environ.get("VT4AI_MAX_UNITS", "100")
    return int(value) if re.fullmatch("[0-9]{1,6}", value) else 100


def look_up(indicators: list, budget: int) -> tuple:
    """Returns the outputs for each indicator and the lookups spent; a failure is an output, too."""
    waited = 0
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            with ask(indicators, budget) as answer:
                return read(answer, indicators)
        except HTTPError as error:
            with error:
                problem, pause = f"the gateway answered {error.code}", retry_after(error.headers)
            if error.code not in (429, 503) or pause is None or waited + pause > MAX_WAIT_SECONDS:
                break
            if attempt < MAX_ATTEMPTS:
                time.sleep(pause)
                waited += pause
        except (OSError, HTTPException, ValueError):
            problem = "the gateway does not answer"
            break
    return {it: {"vt_error": problem} for it in indicators}, 0


def ask(indicators: list, budget: int):
    """Sends the indicators; certificates are verified, as urllib does unless it is told otherwise."""
    gateway, key = os.environ.get("VT4AI_URL", "http://localhost:8000").rstrip("/"), os.environ.get("VT4AI_KEY")
    if urlsplit(gateway).scheme not in ("http", "https"):
        raise ValueError("VT4AI_URL is no http or https URL")
    body = {"indicators": indicators, "max_units": budget, "wait": f"{MAX_WAIT_SECONDS}s"}
    headers = {"Accept": "application/x-ndjson", "Content-Type": "application/json", "User-Agent": "vt4ai-splunk"}
    if key:
        headers["X-API-Key"] = key
    request = Request(f"{gateway}/api/v1/lookup", json.dumps(body, ensure_ascii=False).encode(), headers)
    return build_opener(NoRedirects).open(request, timeout=TIMEOUT_SECONDS)


def read(answer, indicators: list) -> tuple:
    """Reads the lines of an answer; what an interrupted one has brought is kept."""
    found, spent = {}, 0
    try:
        while line := answer.readline(MAX_LINE):
            row = json.loads(line)
            number = row.get("row")
            if isinstance(number, int) and 1 <= number <= len(indicators):
                found[indicators[number - 1]] = outputs(row)
                spent += row.get("cost") or 0
    except (OSError, HTTPException, ValueError, AttributeError, TypeError):
        rest = {"vt_error": "the gateway's answer broke off"}
        found = {it: rest for it in indicators} | found
    return found, spent


def outputs(row: dict) -> dict:
    """Returns the fields for a row of the gateway's answer."""
    if error := row.get("error"):
        return {"vt_error": plain(error.get("detail"))}
    verdict, detections = row.get("verdict") or {}, row.get("detections") or {}
    values = (verdict.get("level"), verdict.get("reason"), detections.get("malicious"), detections.get("engines"),
              row.get("label"), (row.get("analysed") or {}).get("date"), verdict.get("stale"), None)
    return {name: plain(value) for name, value in zip(OUTPUTS, values)}


def plain(value: object) -> str:
    """Returns a value as one line that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    line = "".join(it if it.isprintable() else " " for it in str(value))[:500]
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def retry_after(headers) -> int | None:
    """Returns the seconds of Retry-After; another form than whole seconds counts as none."""
    value = headers.get("Retry-After", "")
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else None


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: vt4ai_lookup.py FIELD [OUTPUT…] <ROWS.csv")
    main(sys.argv[1])
