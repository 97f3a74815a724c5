"""Real scoring servers behind a front: they accept what it has checked, and keep its key to themselves."""

import json
from hashlib import sha256

import pytest

from scoring.front_contract import FrontReplica, FrontRevision
from tests.scoring.conftest import KEY as OWN_KEY
from tests.scoring.front.fronts import FRONT_KEY, service

SCRIPT = """
def init():
    pass

def run(data, request_headers):
    return dict(request_headers)
"""


@pytest.fixture
def echoing(replica):
    """A scoring server whose script answers with the headers that it was given."""
    replica.write_keys(OWN_KEY, front=sha256(FRONT_KEY.encode()).hexdigest())
    return replica.with_script(SCRIPT).start()


def test_a_replica_accepts_what_the_front_has_checked_and_its_script_never_sees_the_fronts_key(front, echoing):
    found = FrontReplica(id="1", address=f"127.0.0.1:{echoing.port}")
    front.route(service(FrontRevision(number=1, replicas=[found])))
    for _ in range(3):  # the third time the head is remembered
        answer = front.score()
        assert answer.status_code == 200
        assert FRONT_KEY not in answer.text
        assert "Bearer" not in answer.text
    assert FRONT_KEY not in echoing.log()
    assert 'slipway_requests_total{code="200",key="primary"} 3' in echoing.client.get("/metrics").text


def test_a_replica_refuses_a_front_that_it_does_not_know(echoing):
    answer = echoing.score({"data": 1}, headers={"x-slipway-front": "guessed primary", "Authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_replica_still_accepts_its_own_keys(echoing):
    answer = echoing.score({"data": 1})
    assert answer.status_code == 200
    assert json.loads(answer.content)["Authorization"] == f"Bearer {OWN_KEY}"
