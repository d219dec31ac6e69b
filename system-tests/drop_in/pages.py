"""The real vt-py against a scripted server: feeds, downloads, archives, rulesets, redirects, private scans."""

import bz2
import io
import json
import sys

import vt

from drop_in.gateway import gateway, without_limits
from drop_in.server import server

JSON = {"Content-Type": "application/json; charset=utf-8"}
LARGE = bytes(range(256)) * 40_000


def answer(method, path, headers, body):
    """Answers as VirusTotal would."""
    base = f"http://{headers['Host']}"
    path, _, query = path.partition("?")
    path = path.removeprefix("/api/v3")
    if path.startswith("/feeds/files/"):
        if path.endswith("00"):
            return 404, JSON, b'{"error": {"code": "NotFoundError", "message": "no package"}}'
        lines = [{"type": "file", "id": f"{path[-12:]}-{n}", "attributes": {"n": n}} for n in range(3)]
        return 200, {"Content-Type": "application/octet-stream"}, bz2.compress(
            b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    if path == "/files/redirected/download":
        return 302, {"Location": f"{base}/storage?signature=a'b"}, b""
    if path == "/storage":
        assert query == "signature=a'b", query
        return 200, {"Content-Type": "application/octet-stream"}, b"from the storage"
    if path.endswith("/download"):
        return 200, {"Content-Type": "application/octet-stream"}, LARGE
    if path == "/intelligence/zip_files" and method == "POST":
        status = {"type": "zip_file", "id": "1", "attributes": {"status": "finished", **json.loads(body)["data"]}}
        return 200, JSON, json.dumps({"data": status}).encode()
    if path.startswith("/intelligence/hunting_rulesets"):
        if method == "DELETE":
            return 200, {}, b""
        ruleset = json.loads(body)["data"] if body else {"type": "hunting_ruleset", "attributes": {}}
        ruleset["id"] = "7"
        ruleset["links"] = {"self": "https://www.virustotal.com/api/v3/intelligence/hunting_rulesets/7"}
        return 200, JSON, json.dumps({"data": ruleset}).encode()
    if path == "/private/files/upload_url":
        return 200, JSON, json.dumps({"data": f"{base}/_ah/private?x='1'"}).encode()
    if path == "/_ah/private":
        assert query == "x='1'" and b"in private" in body, (query, body)
        return 200, JSON, b'{"data": {"type": "private_analysis", "id": "p", "attributes": {"status": "queued"}}}'
    return 404, JSON, b'{"error": {"code": "NotFoundError", "message": "not here"}}'


def main():
    with server(answer) as upstream, gateway(*without_limits(upstream.url)) as host:
        with vt.Client("key-of-mine", host=host) as client:
            feed = client.feed(vt.FeedType.FILES, cursor="202611280159")
            ids = [next(feed).id for _ in range(4)]
            assert ids == ["202611280159-0", "202611280159-1", "202611280159-2", "202611280201-0"], ids
            for path in ["/files/abc/download"]:
                file = io.BytesIO()
                client.download_file(path.split("/")[2], file)
                assert file.getvalue() == LARGE
            file = io.BytesIO()
            client.download_file("redirected", file)
            assert file.getvalue() == b"from the storage"
            file = io.BytesIO()
            client.download_zip_files(["a", "b"], file, password="it's")
            assert file.getvalue() == LARGE
            ruleset = vt.Object("hunting_ruleset")
            ruleset.rules = "rule a { condition: true }"
            made = client.post_object("/intelligence/hunting_rulesets", obj=ruleset)
            assert made.id == "7" and made.rules == ruleset.rules
            made.enabled = True
            assert client.patch_object("/intelligence/hunting_rulesets/{}", made.id, obj=made).enabled
            link = client.get_json("/intelligence/hunting_rulesets/7")["data"]["links"]["self"]
            assert link == f"{host}/api/v3/intelligence/hunting_rulesets/7", link
            assert client.delete("/intelligence/hunting_rulesets/{}", made.id).status == 200
            analysis = client.scan_file_private(io.BytesIO(b"in private"))
            assert analysis.type == "private_analysis"
            try:
                client.get_object("/nothing")
            except vt.APIError as error:
                assert (error.code, error.message) == ("NotFoundError", "not here")
            else:
                raise AssertionError("no error")
        keys = {value for _, _, headers, _ in upstream.took() for name, value in headers if name == "x-apikey"}
        assert keys == {"key-of-mine"}, keys
    print("vt-py gets through the gateway what the server sends")


if __name__ == "__main__":
    sys.exit(main())
