"""Calls that wait for the same model share a run, with the results that each would get alone."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from onnx import TensorProto, helper

from scoring.calibration.batch_size import calibrate
from scoring.contract import Batching
from scoring.core.errors import ScoringError, StartFailure
from scoring.queue.batcher import Batcher
from tests.scoring.batches import (
    TABLE,
    answers_of,
    body,
    filter_model,
    heavy_model,
    load,
    pair,
    queued,
    tensor,
    values_of,
    vector,
)
from tests.scoring.conftest import read_answers, request_bytes, save, sum_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(heavy_model(tmp_path_factory.mktemp("batching") / "model.onnx"))


# --- one shared run


def test_each_call_gets_its_rows_of_a_shared_run(model):
    batcher = Batcher(model, 8)
    calls = [queued(model, batcher, body(10.0 * n, rows=1 + n % 3)) for n in range(4)]

    found = [values_of(answer) for answer in answers_of(batcher, calls)]

    assert found == [pytest.approx([10.0 * n + row for row in range(1 + n % 3)]) for n in range(4)]
    assert [one.rows for one in calls] == [7] * 4


def test_only_a_single_call_may_exceed_the_row_limit(model):
    batcher = Batcher(model, 4)
    calls = [queued(model, batcher, body(n, rows=rows)) for n, rows in enumerate([2, 2, 3, 9])]

    found = [values_of(answer) for answer in answers_of(batcher, calls)]

    assert [len(values) for values in found] == [2, 2, 3, 9]
    assert [one.rows for one in calls] == [4, 4, 3, 9]


def test_deep_queue_limit_needs_many_calls(model):
    batcher = Batcher(model, 4, deep_rows=8)
    few, many = ([queued(model, batcher, body(n, rows=2)) for n in range(count)] for count in (3, 5))

    answers_of(batcher, few)
    answers_of(batcher, many)

    assert [one.rows for one in few] == [4, 4, 2]
    assert [one.rows for one in many] == [8, 8, 8, 8, 2]


def test_different_shapes_do_not_share_a_run(model):
    batcher = Batcher(model, 8)
    calls = [queued(model, batcher, body(n, tokens=tokens)) for n, tokens in enumerate([4, 7, 4, 7, 5])]

    found = [values_of(answer) for answer in answers_of(batcher, calls)]

    assert found == [pytest.approx([n]) for n in range(5)]
    assert [one.rows for one in calls] == [2, 2, 2, 2, 1]


def test_poisoned_call_fails_alone(model):
    batcher = Batcher(model, 8)
    calls = [queued(model, batcher, body(n, pick=99 if n == 2 else 1)) for n in range(4)]

    answers = answers_of(batcher, calls)

    assert isinstance(answers[2], ScoringError)
    assert [values_of(answers[n]) for n in (0, 1, 3)] == [pytest.approx([n + 10]) for n in (0, 1, 3)]


def test_undecodable_call_fails_alone(model):
    batcher = Batcher(model, 8)
    calls = [
        queued(model, batcher, body(1)),
        queued(model, batcher, b"no JSON"),
        queued(model, batcher, body(2)),
    ]

    first, broken, last = answers_of(batcher, calls)

    assert (values_of(first), values_of(last)) == (pytest.approx([1]), pytest.approx([2]))
    assert broken.status == 400


def test_call_of_half_closed_client_is_not_run(model):
    batcher = Batcher(model, 8)
    calls = [
        queued(model, batcher, body(1)),
        queued(model, batcher, body(2), half_closed=True),
        queued(model, batcher, body(3)),
    ]

    first, gone, last = answers_of(batcher, calls)

    assert (values_of(first), values_of(last)) == (pytest.approx([1]), pytest.approx([3]))
    assert gone.code == "gone"
    assert calls[0].rows == 2


def test_inputs_with_different_row_counts_are_not_joined(tmp_path):
    model = load(sum_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8)
    given = [([1.0], [10.0, 20.0]), ([2.0], [30.0]), ([3.0, 4.0], [40.0]), ([5.0], [60.0])]  # as many a as b in all
    calls = [queued(model, batcher, pair(a, b)) for a, b in given]

    found = [orjson.loads(answer)["outputs"][0]["data"] for answer in answers_of(batcher, calls)]

    assert found == [[11.0, 21.0], [32.0], [43.0, 44.0], [65.0]]
    assert [one.rows for one in calls] == [1, 2, 2, 2]
    assert [one.batch_follower for one in calls] == [False, False, False, True]


def test_padded_inputs_with_different_row_counts_are_not_joined(tmp_path):
    model = load(sum_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8, Batching(pad={"a": 0}))
    calls = [queued(model, batcher, pair(a, b)) for a, b in [([1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0])]]

    found = [orjson.loads(answer)["outputs"][0]["data"] for answer in answers_of(batcher, calls)]

    assert found == [[2.0, 3.0], [4.0, 5.0]]


def test_model_that_drops_rows_mixes_up_no_calls(tmp_path):
    model = load(filter_model(tmp_path / "model.onnx"))
    batcher = calibrate(model, Batching()) or Batcher(model, 8)  # synthetic inputs lose no row
    given = [[1.0, -1.0], [2.0, 3.0], [-4.0, 5.0], [-6.0]]
    calls = [queued(model, batcher, vector(x)) for x in given]

    found = [values_of(answer) for answer in answers_of(batcher, calls)]

    assert found == [[1.0], [2.0, 3.0], [5.0], []]


# --- no rows at all


@pytest.mark.parametrize("others", [[], [0], [1, 2], [9], [0, 9, 0]])
@pytest.mark.parametrize("most_rows", [1, 4])
def test_call_without_rows_is_answered_alone_and_in_a_batch(model, others, most_rows):
    batcher = Batcher(model, most_rows)
    sizes = [0, *others, 0]
    calls = [queued(model, batcher, body(10.0, rows=rows)) for rows in sizes]

    found = [values_of(answer) for answer in answers_of(batcher, calls)]

    assert found == [pytest.approx([10.0 + row for row in range(rows)]) for rows in sizes]


def test_padded_call_without_rows_is_answered(tmp_path):
    model = load(lengths_model(tmp_path / "model.onnx", reduce=False))
    batcher = Batcher(model, 8, Batching(pad={"x": 0}))
    shapes = [[0, 3], [1, 2], [0, 4], [2, 1]]
    calls = [
        queued(model, batcher, {"inputs": [tensor("x", shape, [1.0] * (shape[0] * shape[1]))]}) for shape in shapes
    ]

    found = [orjson.loads(answer)["outputs"][0]["shape"] for answer in answers_of(batcher, calls)]

    assert found == shapes


# --- padding


def lengths_model(path, *, reduce=True):
    """y = 2 x along all tokens, and the length it was given."""
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "tokens"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "tokens"])
    total = helper.make_tensor_value_info("total", TensorProto.FLOAT, ["rows"])
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["y"]),
        helper.make_node("ReduceMax", ["x"], ["total"], axes=[1], keepdims=0),
    ]
    return save(path, nodes if reduce else nodes[:1], [x], [y, total] if reduce else [y], [two])


def test_padded_calls_share_a_run_and_keep_their_lengths(tmp_path):
    model = load(lengths_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8, Batching(pad={"x": -100}))
    given = [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]
    calls = [
        queued(model, batcher, {"inputs": [{"name": "x", "shape": [1, len(x)], "datatype": "FP32", "data": x}]})
        for x in given
    ]

    found = [orjson.loads(answer)["outputs"] for answer in answers_of(batcher, calls)]

    assert [one.rows for one in calls] == [3, 3, 3]
    assert [(y["shape"], y["data"]) for y, _ in found] == [([1, len(x)], [2 * value for value in x]) for x in given]
    assert [total["data"] for _, total in found] == [[max(x)] for x in given]


def test_padding_of_unknown_input_fails_the_start(model):
    with pytest.raises(StartFailure, match="'words', which is no input of heavy; it takes x, pick"):
        Batcher(model, 8, Batching(pad={"words": 0}))


# --- the whole server


@pytest.fixture(scope="module")
def server(shared_replica):
    server = shared_replica.with_models(heavy=heavy_model).start(processes=1, cpus=2.0)
    assert "rows share a run" in server.log()
    return server


def test_concurrent_requests_get_their_own_responses(server):
    def ask(n: int) -> tuple[int, list[float]]:
        answer = server.score(body(n, tokens=3 + n % 2, pick=n % 4), path="/v2/models/heavy/infer")
        return answer.status_code, answer.json()["outputs"][0]["data"]

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(ask, range(240)))

    assert found == [(200, [pytest.approx(n + TABLE[n % 4], rel=1e-4)]) for n in range(240)]


def test_disconnects_in_a_batch_do_not_affect_others(server):
    stop = threading.Event()

    def connect_and_reset() -> None:
        content = request_bytes(orjson.dumps(body(1.0)), "/v2/models/heavy/infer")
        while not stop.is_set():
            lines = [server.connect() for _ in range(8)]
            for line in lines:
                line.sendall(content)
            for line in lines:  # with a reset, before the response
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                line.close()

    def keep_asking(n: int) -> None:
        with server.connect() as line:
            for number in range(25):
                line.sendall(request_bytes(orjson.dumps(body(100.0 * n + number)), "/v2/models/heavy/infer"))
                [(status, _, answer)] = read_answers(line)
                assert status == 200
                assert values_of(answer) == pytest.approx([100.0 * n + number], rel=1e-4)

    disconnecting = threading.Thread(target=connect_and_reset)
    disconnecting.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(keep_asking, range(8)))
    finally:
        stop.set()
        disconnecting.join()
    assert server.process.poll() is None
