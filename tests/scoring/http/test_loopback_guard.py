"""Open services of this machine are not for pages of other sites; those that ask for a key are for whoever has it."""

import pytest

from tests.scoring.conftest import double_model

GOOD = {"data": [[1, 2, 3, 4]]}
PAGE = "https://shop.example"


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(auth=False, cors_origins=[PAGE])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]:80", "10.0.0.1"])
def test_foreign_host_is_refused(server, host):
    """A name that somebody points to this machine (DNS rebinding)."""
    answers = [server.score(GOOD, headers={"Host": host}), server.client.get("/", headers={"Host": host})]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "cors_origins" in answers[0].json()["message"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_foreign_origin_is_refused(server, origin):
    """A simple cross-origin request, which browsers send without asking."""
    answer = server.score(GOOD, headers={"Origin": origin, "Content-Type": "text/plain"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:1234"},
        {"Host": "LOCALHOST"},
        {"Host": "[::1]:80"},
        {"Origin": PAGE},
        {"Host": "shop.example", "Origin": PAGE},
    ],
)
def test_this_machine_and_listed_origins_may_call(server, headers):
    assert server.score(GOOD, headers=headers).status_code == 200


def test_a_page_of_the_service_itself_may_call(server):
    host = f"127.0.0.1:{server.port}"
    assert server.score(GOOD, headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


def test_a_service_with_keys_answers_under_any_name(replica):
    server = replica.with_models(double=double_model).start()
    assert server.score(GOOD, headers={"Host": "scoring.example", "Origin": PAGE}).status_code == 200
