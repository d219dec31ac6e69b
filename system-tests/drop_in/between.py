"""A plugin of pytest that puts a gateway between vt-py and the server of its own tests."""

import pytest
import vt

from drop_in.gateway import gateway, without_limits


@pytest.fixture(autouse=True)
def between(request, monkeypatch):
    """Has the clients of a test ask a gateway in front of the test's server."""
    if "httpserver" not in request.fixturenames:
        yield
        return
    server = request.getfixturevalue("httpserver")
    # Its quota calls are no part of the tests.
    server.expect_request("/api/v3/users/dummy_api_key/overall_quotas").respond_with_data(status=404)
    direct = f"http://{server.host}:{server.port}"
    original = vt.Client.__init__

    with gateway(*without_limits(direct)) as address:
        def through(self, apikey, *arguments, host=None, **others):
            original(self, apikey, *arguments, host=address if host == direct else host, **others)

        monkeypatch.setattr(vt.Client, "__init__", through)
        yield
