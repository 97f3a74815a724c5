"""Two revisions behind the front: the split, pins, stickiness, and keys of clients."""

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port, wait_for

pytestmark = pytest.mark.stack
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
SECONDS = 120
REQUESTS = 10_000
GIVEN_BY = "x-slipway-revision"


@pytest.fixture(scope="module")
def rest(tmp_path_factory) -> Iterator[Rest]:
    """iris behind the front: revision 1 is the default, revision 2, labelled blue, gets 10 %."""
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        rest = Rest(stack)
        version = rest.register("iris", MODEL)
        rest.until_ready(version)
        rest.deploy("iris", version)
        rest.until("services/iris", lambda found: found["state"] == "Healthy", SECONDS)
        rest.deploy("iris", version, overwrite=True, traffic=10, label="blue")
        both_ready(rest)
        yield rest


def both_ready(rest: Rest) -> None:
    def ready(found: dict) -> bool:
        return [row["state"] for row in found["revisions"]] == ["Healthy", "Healthy"]

    rest.until("services/iris/traffic", ready, SECONDS)


def caller(rest: Rest) -> httpx.Client:
    key = rest.get("services/iris/keys")["primary"]
    return httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=20)


def address(rest: Rest) -> str:
    return rest.get("services/iris")["front_uri"]


def put(rest: Rest, *shares: tuple[int, float], **more) -> None:
    rows = [{"revision": number, "percent": percent} for number, percent in shares]
    answer = rest.send("PUT", "services/iris/traffic", json={"revisions": rows} | more)
    assert answer.status_code == 200, answer.text


def given_by(client: httpx.Client, url: str, **headers: str) -> str:
    answer = client.post(url, json=ROW, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.headers[GIVEN_BY]


def given_by_each(rest: Rest, url: str) -> Counter[str]:
    """How many of REQUESTS requests each revision answers; over a plain connection, which is quick."""
    place, counts = urlsplit(url), Counter[str]()
    headers = {"Authorization": f"Bearer {rest.get('services/iris/keys')['primary']}"}
    with closing(HTTPConnection(place.hostname or "", place.port, timeout=20)) as connection:
        for _ in range(REQUESTS):
            connection.request("POST", place.path, json.dumps(ROW), headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            counts[answer.headers[GIVEN_BY]] += 1
            answer.read()
    return counts


def answered_by_both(client: httpx.Client, url: str) -> None:
    def both() -> bool:
        return {client.post(url, json=ROW, headers={GIVEN_BY: pin}).status_code for pin in ("1", "2")} == {200}

    wait_for(both, 30, "answers of both revisions")


def test_requests_split_within_binomial_bounds_and_pins_are_exact(rest: Rest) -> None:
    url = address(rest)
    with caller(rest) as client:
        answered_by_both(client, url)
        counts = given_by_each(rest, url)
        assert {given_by(client, url, **{GIVEN_BY: "blue"}) for _ in range(50)} == {"2"}
        assert {given_by(client, url, **{GIVEN_BY: "1"}) for _ in range(50)} == {"1"}
    sys.stdout.write(f"{dict(counts)}\n")
    bound = 4 * math.sqrt(REQUESTS * 0.1 * 0.9)
    assert abs(counts["2"] - REQUESTS * 0.1) < bound


def test_requests_with_the_same_value_get_the_same_revision(rest: Rest) -> None:
    url = address(rest)
    put(rest, (1, 50), (2, 50), sticky={"header": "x-user"})
    users = [f"user-{number}" for number in range(60)]
    with caller(rest) as client:

        def sticks() -> bool:
            return len({given_by(client, url, **{"x-user": "user-1"}) for _ in range(12)}) == 1

        wait_for(sticks, 30, "stickiness")
        first = {user: given_by(client, url, **{"x-user": user}) for user in users}
        random.shuffle(users)
        assert {user: given_by(client, url, **{"x-user": user}) for user in users for _ in range(3)} == first
    assert set(first.values()) == {"1", "2"}
    put(rest, (1, 90), (2, 10), sticky={})


def test_client_key_is_taken_at_the_front_alone_and_until_its_quota_is_used(rest: Rest) -> None:
    url, direct = address(rest), rest.get("services/iris")["scoring_uri"]
    value = rest.post("services/iris/client-keys", {"name": "shop", "requests_a_day": 3}, 201)["value"]
    with httpx.Client(headers={"Authorization": f"Bearer {value}"}, timeout=20) as client:
        assert client.post(direct, json=ROW).status_code == 401
        wait_for(lambda: client.post(url, json=ROW).status_code == 200, 30, "the key at the front")
        answers = [client.post(url, json=ROW) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) > 0

        def use() -> int:
            (shop,) = rest.get("services/iris/client-keys")["results"]
            return shop["requests_today"]

        wait_for(lambda: use() == 3, 30, "the report of the front")
        rest.send("DELETE", "services/iris/client-keys/shop")
        wait_for(lambda: client.post(url, json=ROW).status_code == 401, 30, "the end of the key")
