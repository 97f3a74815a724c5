"""Requests of one loop iteration are run together, with the responses that each would get alone."""

import json
import re

import pytest

from scoring.calibration.batch_size import calibrate
from scoring.contract import Batching, BundledModel
from scoring.onnx.model import OnnxModel
from tests.scoring.conftest import KEY, SECOND_KEY, double_model, read_answers, request_bytes
from tests.scoring.http.simultaneous import (
    DOUBLE,
    INFER,
    MANY,
    at_once,
    doubled,
    infer,
    lines_to,
    metrics,
    row,
    runs,
    statistics,
    tensor,
    texts_model,
    twice,
    with_all_models,
)


@pytest.fixture(scope="module")
def server(shared_replica):
    return with_all_models(shared_replica).start(processes=1, cpus=1.0)


# --- each request gets its own response


def test_simultaneous_requests_share_runs_and_keep_their_ids(server):
    before, counted = runs(server, "double"), statistics(server, "double")["inference_count"]
    contents = [request_bytes(infer(n, id=f"body-{n}"), DOUBLE, f"X-Request-Id: head-{n}") for n in range(MANY)]

    answers = at_once(server, contents)

    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert [json.loads(content)["id"] for _, _, content in answers] == [f"body-{n}" for n in range(MANY)]
    for n, (_, headers, _) in enumerate(answers):
        assert headers["x-request-id"] == headers["x-ms-request-id"] == f"head-{n}"
        assert headers["content-type"] == "application/json"
    shared = {rows: count - before.get(rows, 0) for rows, count in runs(server, "double").items()}
    assert max(rows for rows, count in shared.items() if count) > 1, "nobody shared a run"
    assert statistics(server, "double")["inference_count"] == counted + MANY


def test_batched_requests_get_distinct_ids(server):
    answers = at_once(server, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == MANY


def test_batched_requests_are_counted_by_key(server):
    def asked(key):
        return metrics(server).get(f'slipway_requests_total{{code="200",key="{key}"}}', 0)

    before = asked("primary"), asked("secondary")
    keys = [KEY if n % 3 else SECOND_KEY for n in range(MANY)]
    answers = at_once(server, [request_bytes(infer(n), DOUBLE, key=key) for n, key in enumerate(keys)])

    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert (asked("primary") - before[0], asked("secondary") - before[1]) == (keys.count(KEY), keys.count(SECOND_KEY))


def test_mixed_requests_of_one_loop_iteration_are_answered_alike(server):
    two = json.dumps({"inputs": [tensor("x", [2, 4], row(1) + row(2))]}).encode()
    nested = json.dumps({"inputs": [tensor("x", [1, 4], [row(3)])], "outputs": [{"name": "y"}]}).encode()
    pair = json.dumps({"inputs": [tensor("a", [2], [5, 6]), tensor("b", [2], [1, 2])]}).encode()
    rows = json.dumps({"instances": [row(7)]}).encode()

    answers = at_once(
        server,
        [
            request_bytes(two, DOUBLE),
            request_bytes(nested, DOUBLE),
            request_bytes(infer(4), f"{DOUBLE}?asked=how"),
            request_bytes(infer(5), "/v2/models/double/versions/1/infer"),
            request_bytes(pair, INFER.format("sum")),
            request_bytes(rows, "/v1/models/double:predict"),
            request_bytes(b"", "/v2/models/double/probe", method="GET"),
            request_bytes(infer(6), DOUBLE, "Connection: close"),
        ],
    )

    assert [status for status, _, _ in answers] == [200] * 8
    assert [doubled(answers[place]) for place in (0, 1, 2, 3, 7)] == [
        twice(1) + twice(2), twice(3), twice(4), twice(5), twice(6),
    ]  # fmt: skip
    total, difference = json.loads(answers[4][2])["outputs"]
    assert (total["data"], difference["data"]) == ([6, 8], [4, 4])
    assert json.loads(answers[5][2]) == {"predictions": [twice(7)]}
    assert json.loads(answers[6][2])["predicted"] is True
    assert answers[7][1]["connection"] == "close"


def test_both_forms_of_score_may_share_a_loop_iteration(replica):
    replica.with_models(double=double_model).start()
    short = [json.dumps({"data": [row(n)]}).encode() for n in range(4)]
    contents = [part for n in range(4) for part in (request_bytes(short[n]), request_bytes(infer(n)))]

    answers = at_once(replica, contents)

    assert [json.loads(content) for _, _, content in answers[::2]] == [{"data": [twice(n)]} for n in range(4)]
    assert [doubled(answer) for answer in answers[1::2]] == [twice(n) for n in range(4)]
    assert all(headers["x-ms-run-function-failed"] == "False" for _, headers, _ in answers)
    assert all(float(headers["x-ms-run-fn-exec-ms"]) > 0 for _, headers, _ in answers)


def test_binary_and_json_outputs_may_share_a_loop_iteration(server):
    wish = infer(1, parameters={"binary_data_output": True})
    contents = [request_bytes(wish if n % 2 else infer(n), DOUBLE) for n in range(6)]

    answers = at_once(server, contents)

    assert [doubled(answer) for answer in answers[::2]] == [twice(n) for n in (0, 2, 4)]
    for status, headers, content in answers[1::2]:
        assert status == 200
        head = json.loads(content[: int(headers["inference-header-content-length"])])
        assert head["outputs"][0]["parameters"] == {"binary_data_size": 16}


def test_small_requests_do_not_wait_for_a_large_body(server):
    rows = 20_000
    large = json.dumps({"inputs": [tensor("x", [rows, 4], row(1.5) * rows)]}).encode()
    assert len(large) > 256 * 1024

    answers = at_once(server, [request_bytes(large, DOUBLE), *(request_bytes(infer(n), DOUBLE) for n in range(4))])

    assert doubled(answers[0]) == twice(1.5) * rows
    assert [doubled(answer) for answer in answers[1:]] == [twice(n) for n in range(4)]


# --- which models share runs


def test_batching_can_be_turned_off(replica):
    replica.with_models(double=double_model).start(batching={"rows": 1})
    answers = at_once(replica, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert runs(replica, "double") == {1: MANY}


def test_loop_batch_respects_configured_rows(replica):
    replica.with_models(double=double_model).start(batching={"rows": 5})
    answers = at_once(replica, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    shared = runs(replica, "double")
    assert max(shared) == 5
    assert sum(rows * count for rows, count in shared.items()) == MANY


def test_batch_dependent_model_is_run_one_by_one(server):
    path = INFER.format("mixing")
    answers = at_once(server, [request_bytes(infer(n), path) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [[one + sum(row(n)) for one in row(n)] for n in range(MANY)]
    assert set(runs(server, "mixing")) == {1}


def test_text_model_is_calibrated_and_batched(server, tmp_path):
    model = OnnxModel(BundledModel(name="texts", version=1, path=""), texts_model(tmp_path / "model.onnx"), 1)
    calibrate(model, Batching())  # without an error
    assert calibrate(model, Batching(rows=8)) is not None
    asked = [[f"{n} ü", '],["'] for n in range(MANY)]
    contents = [json.dumps({"inputs": [tensor("x", [1, 2], one, "BYTES")]}).encode() for one in asked]
    answers = at_once(server, [request_bytes(content, INFER.format("texts")) for content in contents])
    assert [doubled(answer) for answer in answers] == asked


# --- logs and collected rows


def test_batched_requests_are_logged_and_collected_once(replica):
    replica.with_models(double=double_model).start(access_log=True, collect={})
    contents = [
        request_bytes(b"no JSON" if n == 5 else infer(n, id=f"own-{n}"), DOUBLE, f"X-Request-Id: id-{n}")
        for n in range(MANY)
    ]

    answers = at_once(replica, contents)

    good = [n for n in range(MANY) if n != 5]
    assert [doubled(answers[n]) for n in good] == [twice(n) for n in good]
    assert answers[5][0] == 400
    assert max(runs(replica, "double")) > 1
    replica.stop()
    logged = re.findall(rf"\[(id-\d+)\] - POST {DOUBLE} status=(\d+)", replica.log())
    assert sorted(logged) == sorted((f"id-{n}", "400" if n == 5 else "200") for n in range(MANY))
    files = (replica.folder / "collected").glob("*.jsonl")
    rows = {row["id"]: row for file in files for row in map(json.loads, file.read_text().splitlines())}
    assert sorted(rows) == sorted(f"id-{n}" for n in good)
    for n in good:
        assert rows[f"id-{n}"]["inputs"]["id"] == rows[f"id-{n}"]["predictions"]["id"] == f"own-{n}"
        assert rows[f"id-{n}"]["predictions"]["outputs"][0]["data"] == twice(n)


def test_responses_are_complete_when_the_server_stops(replica):
    replica.with_models(double=double_model).start()
    with lines_to(replica, 8) as lines:
        for n, line in enumerate(lines):
            line.sendall(request_bytes(infer(n), DOUBLE))
        assert [doubled(read_answers(line)[0]) for line in lines] == [twice(n) for n in range(8)]
        assert replica.stop() == 0
        assert [line.recv(1) for line in lines] == [b""] * 8
