"""The real vt-py against `vt4ai --demo`: objects, lists, scans, uploads, comments, errors, quotas."""

import asyncio
import io
import pathlib
import sys
import tempfile

import vt

from drop_in.gateway import gateway

TROJAN = "de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185"
EICAR_MD5 = "44d88612fea8a8f36de82e1278abb02f"


def error_of(call):
    """Returns the code of the error that a call raises."""
    try:
        call()
    except vt.APIError as error:
        return error.code
    raise AssertionError("no error")


def objects(client, host):
    """Reports of all four kinds, their links and relationships."""
    file = client.get_object(f"/files/{EICAR_MD5}")
    assert file.md5 == EICAR_MD5 and file.last_analysis_stats["malicious"] > 0
    url = client.get_object("/urls/{}", vt.url_id("https://example.com/"))
    assert url.url == "https://example.com/"
    assert client.get_object("/domains/example.com").id == "example.com"
    assert client.get_object("/ip_addresses/8.8.8.8").type == "ip_address"
    answer = client.get_json("/domains/example.com")
    link = answer["data"]["links"]["self"]
    assert link == f"{host}/api/v3/domains/example.com", link
    # A link is followed as it is.
    assert client.get_object(link).id == "example.com"
    related = client.get_object(f"/files/{TROJAN}", params={"relationships": "contacted_domains,dropped_files"})
    assert related.relationships["dropped_files"]["data"]


def lists(client, host):
    """An iterator over more than one page, resumed by its cursor, and the links between pages."""
    path = f"/files/{TROJAN}/dropped_files"
    found = [item.id for item in client.iterator(path, limit=45, batch_size=40)]
    assert len(set(found)) == 45, len(set(found))
    first = client.iterator(path, limit=30, batch_size=10)
    begun = [item.id for item in first]
    resumed = [item.id for item in client.iterator(path, limit=15, batch_size=10, cursor=first.cursor)]
    assert begun + resumed == found[:45], "the cursor goes on where the first ended"
    page = client.get_json(path, params={"limit": "10"})
    assert page["links"]["next"].startswith(f"{host}/api/v3{path}?")
    assert client.get_json(page["links"]["next"])["data"][0]["id"] == found[10]
    hits = list(client.iterator("/intelligence/search", params={"query": "entity:file p:5+"}, limit=5))
    assert len(hits) == 5
    assert next(client.iterator("/search", params={"query": "it's 'quoted'"}), None) is None


def scans(client):
    """Uploads and scans, waited for, after which the object is known."""
    content = b"dropped in by vt-py"
    analysis = client.scan_file(io.BytesIO(content), wait_for_completion=True)
    assert analysis.status == "completed"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "it's ä.bin")
        path.write_bytes(b"x" * 40_000_000)
        with path.open("rb") as file:
            assert client.scan_file(file).type == "analysis"
    url = "https://dropped-in.example/?a=b'c"
    assert error_of(lambda: client.get_object("/urls/{}", vt.url_id(url))) == "NotFoundError"
    assert client.scan_url(url, wait_for_completion=True).status == "completed"
    # The stand-in keeps its own spelling of a URL, as VirusTotal does.
    assert client.get_object("/urls/{}", vt.url_id(url)).url.startswith("https://dropped-in.example/?a=b")
    assert client.post("/domains/example.com/analyse").status == 200


def comments(client):
    """A comment and a vote, which are there at once."""
    path = "/domains/example.com/comments"
    list(client.iterator(path, limit=5))
    comment = vt.Object("comment")
    comment.text = "Looks fine to me #safe"
    client.post_object(path, obj=comment)
    assert next(iter(client.iterator(path))).text == comment.text
    assert error_of(lambda: client.post_object(path, obj=comment)) == "AlreadyExistsError"
    vote = vt.Object("vote")
    vote.verdict = "harmless"
    client.post_object("/domains/example.com/votes", obj=vote)


def errors(client, host):
    """Errors of VirusTotal and of the gateway, by VirusTotal's codes."""
    assert error_of(lambda: client.get_object("/files/" + "0" * 64)) == "NotFoundError"
    assert error_of(lambda: client.get_object("/ip_addresses/10.0.0.1")) == "NotFoundError"
    assert error_of(lambda: client.scan_url("http://10.0.0.1/")) == "ForbiddenError"
    assert error_of(lambda: client.get_json("/domains/example.com/votes", params={"limit": "41"})) == "BadRequestError"
    with vt.Client("bad-key", host=host) as wrong:
        assert error_of(lambda: wrong.get_object("/domains/example.com")) == "WrongCredentialsError"
    with vt.Client("vt4ai_unknown", host=host) as unknown:
        assert error_of(lambda: unknown.get_object("/domains/example.com")) == "AuthenticationRequiredError"


def main():
    # vt-py waits 20 s between two polls of an analysis.
    sleep = asyncio.sleep

    async def short(seconds, *others):
        await sleep(min(seconds, 0.05), *others)

    vt.client.asyncio.sleep = short
    with gateway("--demo") as host, vt.Client("demo", host=host) as client:
        objects(client, host)
        lists(client, host)
        scans(client)
        comments(client)
        errors(client, host)
        quotas = client.get_data("/users/demo/overall_quotas")
        assert quotas["api_requests_daily"]["user"]["used"] > 0
    print("vt-py gets from the demo what it expects")


if __name__ == "__main__":
    sys.exit(main())
