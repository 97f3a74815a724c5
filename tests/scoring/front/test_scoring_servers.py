"""Real scoring servers behind a front: they accept what it has checked, and keep its key to themselves."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from scoring.front_contract import ClientKey, FrontReplica, FrontRevision
from tests.scoring.conftest import KEY as OWN_KEY
from tests.scoring.conftest import double_model
from tests.scoring.front.fronts import FRONT_KEY, KEY, service

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


ROWS = [[float(number)] * 4 for number in range(3)]


@pytest.fixture
def doubling(replica):
    """A scoring server without code, whose model takes any number of rows."""
    replica.write_keys(OWN_KEY, front=sha256(FRONT_KEY.encode()).hexdigest())
    return replica.with_models(double=double_model).start()


def with_rows_quota(number, rows, running):
    key = ClientKey(name="shop", digest=sha256(KEY.encode()).hexdigest(), rows_a_day=rows)
    found = FrontReplica(id="1", address=f"127.0.0.1:{running.port}")
    return service(FrontRevision(number=1, replicas=[found]), keys=[key], id=number)


def use_told(studio):
    """Requests and rows of the key, as last reported."""
    return next(((key.requests, key.rows) for report in reversed(studio.reports) for key in report.keys), None)


def test_rows_that_a_model_answered_are_counted_and_refused_beyond_the_quota(told, studio, doubling):
    told.start(with_rows_quota(1, 9, doubling))
    wrong = told.score(json.dumps({"data": [["no", "number"]]}))
    assert (wrong.status_code, "x-slipway-rows" in wrong.headers) == (400, False)
    tensor = {"name": "x", "shape": [3, 4], "datatype": "FP32", "data": [value for row in ROWS for value in row]}
    answers = [
        told.score(json.dumps({"data": ROWS})),
        told.score(json.dumps({"inputs": [tensor]}), path="/default/iris/v2/models/double/infer"),
        told.score(json.dumps({"data": ROWS[:2]})),
        told.score(json.dumps({"data": ROWS})),  # one is left, so this may be more
        told.score(json.dumps({"data": ROWS[:1]})),
    ]
    assert [one.status_code for one in answers] == [200, 200, 200, 200, 429]
    assert "9 rows" in answers[-1].json()["message"]
    assert not any("x-slipway-rows" in one.headers for one in answers)
    told.until(lambda: use_told(studio) == (5, 11))


def test_rows_of_requests_that_share_a_run_are_counted_apart(told, studio, doubling):
    told.start(with_rows_quota(1, 1_000_000, doubling))
    sizes = [1, 2, 3] * 40
    with ThreadPoolExecutor(12) as pool:
        statuses = pool.map(lambda size: told.score(json.dumps({"data": ROWS[:size]})).status_code, sizes)
        assert set(statuses) == {200}
    told.until(lambda: use_told(studio) == (len(sizes), sum(sizes)))


def test_a_request_to_a_script_counts_as_one_row_whatever_the_script_says(told, studio, replica):
    replica.write_keys(OWN_KEY, front=sha256(FRONT_KEY.encode()).hexdigest())
    replica.with_script("""
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

def run(data):
    return AMLResponse("{}", 200, {"x-slipway-rows": "1000"})
""").start()
    told.start(with_rows_quota(1, 3, replica))
    assert [told.score().status_code for _ in range(4)] == [200, 200, 200, 429]


def test_rows_are_told_to_a_front_that_asks_and_to_nobody_else(doubling):
    def answer(shown):
        return doubling.score({"data": ROWS}, headers={"x-slipway-front": shown, "Authorization": f"Bearer {OWN_KEY}"})

    assert answer(f"{FRONT_KEY} primary rows").headers["x-slipway-rows"] == "3"
    assert "x-slipway-rows" not in answer(f"{FRONT_KEY} primary").headers
    assert answer("guessed primary rows").status_code == 401
    assert "x-slipway-rows" not in doubling.score({"data": ROWS}).headers
    assert 'slipway_requests_total{code="200",key="primary"} 3' in doubling.client.get("/metrics").text
