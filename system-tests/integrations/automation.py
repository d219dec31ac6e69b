"""Tests examples/splunk and examples/n8n: `python automation.py BINARY`. It needs Node besides, and no packages."""

import configparser
import csv
import io
import json
import os
import subprocess
import sys

from harness import EXAMPLES, ROOT, Recorder, check, gateway

KEY = "vt4ai_of_a_test"
SPLUNK = EXAMPLES / "splunk"
WORKFLOW = EXAMPLES / "n8n" / "alert-to-verdict.json"
EICAR = "44d88612fea8a8f36de82e1278abb02f"


def splunk_fields() -> list:
    """Returns the fields of the lookup, once its configuration has been checked against the script."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(SPLUNK / "default" / "transforms.conf")
    stanza = settings["vt4ai"]
    script, *fields = stanza["external_cmd"].split()
    check((SPLUNK / "bin" / script).is_file(), script)
    check(fields == stanza["fields_list"].split(", "), stanza["fields_list"])
    sys.path.insert(0, str(SPLUNK / "bin"))
    from vt4ai_lookup import OUTPUTS
    check(fields == ["indicator", *OUTPUTS], fields)
    return fields


def search(indicators: list, address: str, **environment: str) -> list:
    """Runs the lookup as Splunk does and returns its rows."""
    fields = splunk_fields()
    csv.field_size_limit(2**31 - 1)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(fields)
    writer.writerows([it] + [""] * (len(fields) - 1) for it in indicators)
    done = subprocess.run(
        [sys.executable, SPLUNK / "bin" / "vt4ai_lookup.py", *fields], input=text.getvalue().encode(), capture_output=True,
        env=os.environ | {"VT4AI_URL": address, "NO_PROXY": "*", "no_proxy": "*", "VT4AI_KEY": ""} | environment, timeout=120,
    )
    check(done.returncode == 0 and not done.stderr, done.stderr)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
    check([it["indicator"] for it in rows] == indicators, rows)
    return rows


def check_splunk(address: str) -> None:
    """Checks rows in and rows out against the demo."""
    hostile = ["../../quota", '=cmd|"/c calc"!A1', "a,b", "", "x" * 200_000, "{\"a\": 1}", "a\rb", "é.example"]
    rows = search([EICAR, "203.0.113.7", "portal[.]example", "10.0.0.1", "0" * 64, EICAR, *hostile], address)
    levels = [it["vt_level"] for it in rows[:6]]
    check(levels == ["malicious", "malicious", "likely_benign", "unknown", "unknown", "malicious"], levels)
    check(rows[0]["vt_malicious"] == "50" and rows[0]["vt_label"] == "virus.eicar/test", rows[0])
    check(rows[0]["vt_analysed"] == "2025-10-09" and rows[0]["vt_stale"] == "true", rows[0])
    # A row without an indicator stays as it is; all others say why they have no verdict.
    bad = {it["indicator"][:20]: it["vt_error"] for it in rows[6:-1]}
    check(all(bool(error) == bool(value) for value, error in bad.items()) and "too long" in bad["x" * 20], bad)
    check(not any(it["vt_level"] for it in rows[6:-1]) and rows[-1]["vt_level"], rows[-1])
    limited = search(["203.0.113.77", "203.0.113.78", "203.0.113.79"], address, VT4AI_MAX_UNITS="2")
    check(["VT4AI_MAX_UNITS" in it["vt_error"] for it in limited] == [False, False, True], limited)
    # The sum of several requests is bounded as well.
    many = search([f"198.51.100.{it % 250}.{it}.example" for it in range(2001)], address, VT4AI_MAX_UNITS="3")
    check(sum(1 for it in many if it["vt_level"]) == 3, [it for it in many if it["vt_level"]])
    refused = search([EICAR], address, VT4AI_KEY="bad-key")
    check("refused the API key" in refused[0]["vt_error"], refused)
    # The longest indicators, in as many bytes as they can take, still fit into a request.
    longest = search([f"{it:04}" + "😀" * 990 for it in range(501)], address)
    check(all("not an indicator" in it["vt_error"] for it in longest), longest[0]["vt_error"])
    check_bytes(address)


def check_bytes(address: str) -> None:
    """Checks that bytes which are no UTF-8 come back, and cost the other rows nothing."""
    given = b"indicator,vt_level,vt_error\n\xff\xfe,,\n203.0.113.7,,\na\0b,,\n"
    done = subprocess.run([sys.executable, SPLUNK / "bin" / "vt4ai_lookup.py", "indicator"], input=given, capture_output=True,
                          env=os.environ | {"VT4AI_URL": address, "NO_PROXY": "*", "no_proxy": "*", "LC_ALL": "C"}, timeout=120)
    check(done.returncode == 0 and b"\n203.0.113.7,malicious,\r\n" in done.stdout, done)
    check(b"\n\xff\xfe,,no indicator: " in done.stdout, done)


def check_splunk_network() -> None:
    """Checks redirects, waiting and answers that are none."""
    row = b'{"row":1,"verdict":{"level":"malicious","reason":"=1\\n+1"},"cost":1}\n'
    with Recorder((200, {}, row)) as other, Recorder((302, {"Location": other.address}, b"")) as server:
        check(search([EICAR], server.address, VT4AI_KEY=KEY)[0]["vt_error"] == "the gateway answered 302", "a redirect")
        check(not other.requests, "a redirect was followed")
    with Recorder((429, {"Retry-After": "1"}, b""), (503, {"Retry-After": "0"}, b""), (200, {}, row)) as server:
        found = search([EICAR, EICAR], server.address, VT4AI_KEY=KEY)
        check(found[1]["vt_level"] == "malicious" and found[1]["vt_reason"] == "'=1 +1", found)
        check(all(headers["X-Api-Key"] == KEY for _, _, headers, _ in server.requests), server.requests)
        check(json.loads(server.requests[0][3])["indicators"] == [EICAR] and len(server.requests) == 3, server.requests)
    with Recorder((429, {"Retry-After": "3600"}, b"")) as server:
        check(search([EICAR], server.address)[0]["vt_error"] == "the gateway answered 429" and len(server.requests) == 1, "a wait")
    for body in [row + b"{", row + b"[1]\n", row + b'{"row":2,"verdict":"x"}\n', row + b'{"row":99,"cost":1}\nnull\n']:
        with Recorder((200, {}, body)) as server:
            found = search([EICAR, "8.8.8.8"], server.address)
            check(found[0]["vt_level"] == "malicious" and "broke off" in found[1]["vt_error"], (body, found))
    for address in ["http://127.0.0.1:1", "file:///etc/passwd"]:
        check(search([EICAR], address)[0]["vt_error"] == "the gateway does not answer", address)


def check_workflow() -> dict:
    """Checks the form of the workflow and returns it."""
    text = WORKFLOW.read_text(encoding="utf-8")
    workflow = json.loads(text)
    types = {"webhook": 2, "httpRequest": 4.2, "if": 2.2, "wait": 1.1, "respondToWebhook": 1.1}
    names = [it["name"] for it in workflow["nodes"]]
    check(len(names) == len(set(names)) == len({it["id"] for it in workflow["nodes"]}), names)
    for node in workflow["nodes"]:
        check(types.get(node["type"].removeprefix("n8n-nodes-base.")) == node["typeVersion"], node["type"])
        check("credentials" not in node and not node.get("disabled"), f"{node['name']} holds credentials")
    branches = [it for node in workflow["connections"].values() for branch in node["main"] for it in branch]
    check(workflow["connections"].keys() | {it["node"] for it in branches} == set(names), "a node is not connected")
    check("vt4ai_" not in text and not workflow["active"] and not workflow["pinData"], "a token, or data of a run")
    for node in workflow["nodes"]:
        if node["type"] == "n8n-nodes-base.httpRequest":
            options = node["parameters"]["options"]
            check(options["redirect"]["redirect"]["followRedirects"] is False, "redirects")
            check(options["allowUnauthorizedCerts"] is False and options["timeout"] > 70_000, options)
    return workflow


def replay(indicator: object, address: str, key: str = "demo") -> dict:
    """Replays the workflow for an alert."""
    given = {"workflow": check_workflow(), "alert": {"indicator": indicator}, "env": {"VT4AI_URL": address, "VT4AI_KEY": key}}
    done = subprocess.run(["node", ROOT / "system-tests/integrations/n8n.mjs"], input=json.dumps(given), capture_output=True,
                          text=True, timeout=120)
    check(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)


def check_n8n(address: str) -> None:
    """Checks the webhook's answers against the demo."""
    for indicator, action, level in [
        (EICAR, "contain", "malicious"), ("hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc", "contain", "malicious"),
        ("portal.example", "record", "likely_benign"), ("8.8.8.8", "record", "no_detections"),
        ("parcel-customs-fee.example", "review", "suspicious"), ("0" * 64, "review", "unknown"),
        ("../../quota", "review", "unknown"), ("8.8.8.8&view=full", "review", "unknown"), (None, "review", "unknown"),
    ]:
        response = replay(indicator, address)["response"]
        check(response["action"] == action and response["level"] == level and response["reason"], response)
    check(replay(EICAR, address, "bad-key")["response"]["action"] == "review", "a refused key")


def check_n8n_network() -> None:
    """Checks the requests, redirects and waiting."""
    with Recorder((200, {}, b"{}")) as other, Recorder((302, {"Location": other.address}, b"{}")) as server:
        check(replay("a/../b?c&d=é", server.address, KEY)["response"]["action"] == "review", "a redirect")
        check(not other.requests, "a redirect was followed")
        path = server.requests[0][1]
        check(path == "/api/v1/lookup?indicator=a%2F..%2Fb%3Fc%26d%3D%C3%A9&view=brief&wait=20s", path)
    with Recorder((429, {"Retry-After": "7"}, b"{}")) as server:
        run = replay(EICAR, server.address, KEY)
        check(run["waited"] == [7, 7] and run["response"]["action"] == "review", run)
        check(len(server.requests) == 3 and "Look up" in run["visited"], run)
    with Recorder((503, {"Retry-After": "3600"}, b"{}")) as server:
        check(replay(EICAR, server.address)["waited"] == [], "a long wait")
    check(replay(EICAR, "http://127.0.0.1:1")["response"]["action"] == "review", "no gateway")


def main() -> None:
    """Runs all tests."""
    (binary,) = sys.argv[1:]
    check_splunk_network()
    check_n8n_network()
    with gateway(binary, "--client-rate-per-minute", "0") as address:
        check_splunk(address)
        check_n8n(address)
    print("examples/splunk and examples/n8n: as they should be")


if __name__ == "__main__":
    main()
