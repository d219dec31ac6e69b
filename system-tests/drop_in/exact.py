"""Odd paths and queries, sent by vt-py directly and through the gateway: the server must get the same, byte for byte."""

import sys

import vt
import yarl

from drop_in.gateway import gateway, without_limits
from drop_in.server import server

# Answers with odd spellings, which must arrive as they are.
ANSWER = b'{"data": {"id": "a", "type": "b", "attributes": {"n": 1.0e+400, "s": "\\ud800\\/ \xe2\x80\xae", "" : -0}},\r\n "meta":{} }\t\n'


def targets():
    """Paths and queries, at least two hundred."""
    odd = "'()*,;:@!$&+=~_-.|^`{}\"<>[] %é日\\"
    yield from (("GET", f"/graphs/a{letter}b", None) for letter in odd if letter not in "{}%\\")
    yield from (("GET", "/graphs", {"q": f"a{letter}b", letter + "n": "1"}) for letter in odd)
    yield from (("GET", "/search", {"query": f"name:{letter}x{letter} and p:5+"}) for letter in odd)
    yield from (("GET", f"/files/{n:032x}", None) for n in range(25))
    yield from (("GET", f"/domains/d{n}.example/comments", {"limit": str(n), "cursor": f"a+b/{n}=="}) for n in range(20))
    yield from (("GET", f"/urls/{vt.url_id(f'https://a.example/?n={n}')}", {"relationships": "a,b"}) for n in range(10))
    yield from (("GET", f"/ip_addresses/2001:db8::{n:x}", None) for n in range(10))
    yield from (("GET", f"/analyses/NDRkO{n}==", None) for n in range(10))
    yield from (("POST", f"/collections/{n}/items", f"body '{n}' \0\xff".encode("latin-1")) for n in range(10))
    yield from (("PATCH", f"/graphs/{n}", {"data": {"n": n, "é": "'"}}) for n in range(10))
    yield from (("DELETE", f"/graphs/{n}?force='yes'", None) for n in range(10))
    # Spelled by the caller, and not by yarl.
    for path in ["/a%27b", "/a%2fb", "/%41%zz", "//a//b/", "/a;b=c", "/a?x=%27'&&=&y", "/a?q=%2b+%20", "/a?"]:
        yield "GET", path, None


def send(client, method, path, more):
    """Sends one request, and returns what came back."""
    host = client._host  # pylint: disable=protected-access
    escaped = path.replace("{", "{{").replace("}", "}}")
    if method == "GET" and more is None:
        session = client._get_session()  # pylint: disable=protected-access
        url = yarl.URL(f"{host}/api/v3{path}", encoded="%" in path or "//" in path or "?" in path)
        return vt.utils.make_sync(read(session.get(url)))
    if method == "GET":
        return client.get(escaped, params=more).read()
    if method == "DELETE":
        return client.delete(escaped).read()
    if isinstance(more, bytes):
        return client.post(escaped, data=more).read()
    session = client._get_session()  # pylint: disable=protected-access
    return vt.utils.make_sync(read(session.patch(f"{host}/api/v3{path}", json=more)))


async def read(request):
    """Reads a response."""
    async with request as response:
        return await response.read()


def main():
    requests = list(targets())
    assert len(requests) >= 200, len(requests)
    content = {"Content-Type": "application/json"}
    with server(lambda *_: (200, content, ANSWER)) as upstream:
        with gateway(*without_limits(upstream.url)) as host:
            with vt.Client("a-key", host=upstream.url) as direct, vt.Client("a-key", host=host) as through:
                for request in requests:
                    bodies = [send(client, *request) for client in (direct, through)]
                    first, second = upstream.took()
                    assert first == second, f"{request}:\n{first}\n{second}"
                    assert bodies[0] == bodies[1] == ANSWER, request
    print(f"{len(requests)} requests reach the server as they would without the gateway")


if __name__ == "__main__":
    sys.exit(main())
