"""Requests that wait for the same model share a run, and nobody notices but by the speed."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper, numpy_helper

from scoring import calibration
from scoring.batcher import Batcher
from scoring.calibration import _same, calibrate
from scoring.contract import Batching, BundledModel
from scoring.errors import ScoringError, StartFailure
from scoring.forms.open_inference import OpenInference
from scoring.job import Job
from scoring.model_work import ModelWork
from scoring.request import Request
from scoring.session import OnnxModel
from tests.scoring.conftest import double_model, read_answers, request_bytes, save, sum_model

WIDTH, LAYERS = 1024, 32
TABLE = [0.0, 10.0, 20.0, 30.0]
FARTHEST = {"high": 65504.0, "low": -65504.0}


def heavy_model(path, *, name="y"):
    """y = mean of x along its tokens + TABLE[pick], after work that costs about the same for one row as for eight."""
    constants = [
        numpy_helper.from_array(np.array(TABLE, np.float32), "table"),
        numpy_helper.from_array(np.array([0.0], np.float32), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "tokens_axis"),
        numpy_helper.from_array(np.array([WIDTH, WIDTH], np.int64), "shape"),
        numpy_helper.from_array(np.full((1, WIDTH), 1.0, np.float32), "widen"),
    ]
    weight = helper.make_tensor("value", TensorProto.FLOAT, [1], [1 / WIDTH])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["weights"], value=weight),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["mean", "widen"], ["layer_0"]),
        *(helper.make_node("MatMul", [f"layer_{n}", "weights"], [f"layer_{n + 1}"]) for n in range(LAYERS)),
        helper.make_node("ReduceMean", [f"layer_{LAYERS}"], ["worked"], axes=[1], keepdims=0),
        helper.make_node("Gather", ["table", "pick"], ["picked"]),
        helper.make_node("Add", ["worked", "picked"], [name]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "tokens"]),
        helper.make_tensor_value_info("pick", TensorProto.INT64, ["rows"]),
    ]
    return save(path, nodes, inputs, [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"])], constants)


def mixing_model(path):
    """Every row comes out as the sum of all rows: it must not be asked in company."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 4])
    nodes = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1), helper.make_node("Add", ["x", "sum"], ["y"])]
    return save(path, nodes, [x], [y])


def filter_model(path):
    """Those of x that are not below zero: as many rows as it likes."""
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["kept"])
    nodes = [
        helper.make_node("GreaterOrEqual", ["x", "zero"], ["wanted"]),
        helper.make_node("Compress", ["x", "wanted"], ["y"], axis=0),
    ]
    return save(path, nodes, [x], [y], [zero])


def tensor(name: str, shape: list[int], data: list[float]) -> dict:
    return {"name": name, "shape": shape, "datatype": "FP32", "data": data}


def vector(x: list[float]) -> dict:
    return {"inputs": [tensor("x", [len(x)], x)]}


def pair(a: list[float], b: list[float]) -> dict:
    return {"inputs": [tensor("a", [len(a)], a), tensor("b", [len(b)], b)]}


def load(path) -> OnnxModel:
    return OnnxModel(BundledModel(name="heavy", version=1, path=""), path, 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(heavy_model(tmp_path_factory.mktemp("batching") / "model.onnx"))


class Client:
    """What stands where a connection does."""

    def __init__(self, *, left: bool = False) -> None:
        self.left = left


def body(value: float, *, tokens: int = 4, rows: int = 1, pick: int = 0) -> dict:
    """Row n is filled with `value` + n."""
    values = [value + row for row in range(rows) for _ in range(tokens)]
    return {
        "inputs": [
            {"name": "x", "shape": [rows, tokens], "datatype": "FP32", "data": values},
            {"name": "pick", "shape": [rows], "datatype": "INT64", "data": [pick] * rows},
        ]
    }


def job(model: OnnxModel, batcher: Batcher, content: dict | bytes, *, left: bool = False) -> Job:
    request = Request(Client(left=left), b"POST", b"/v2/models/heavy/infer", {})
    request.body = content if isinstance(content, bytes) else orjson.dumps(content)
    made = Job(ModelWork(OpenInference(model), model, batcher), request, lambda *_: None)
    batcher.pending.append(made)
    return made


def values_of(answer: bytes) -> list[float]:
    [output] = orjson.loads(answer)["outputs"]
    assert output["shape"] == [len(output["data"])]
    return output["data"]


def answers_of(batcher: Batcher, jobs: list[Job]) -> list:
    for one in jobs:
        one.claim()
    results = dict(batcher.run(jobs))
    assert set(results) == set(jobs), "somebody was never answered"
    return [results[one] for one in jobs]


# --- one shared run


def test_each_request_gets_its_own_rows_of_a_shared_run(model):
    batcher = Batcher(model, 8)
    jobs = [job(model, batcher, body(10.0 * n, rows=1 + n % 3)) for n in range(4)]

    found = [values_of(answer) for answer in answers_of(batcher, jobs)]

    assert found == [pytest.approx([10.0 * n + row for row in range(1 + n % 3)]) for n in range(4)]
    assert [one.laps.rows for one in jobs] == [7] * 4


def test_no_run_has_more_rows_than_allowed_unless_one_request_brings_them(model):
    batcher = Batcher(model, 4)
    jobs = [job(model, batcher, body(n, rows=rows)) for n, rows in enumerate([2, 2, 3, 9])]

    found = [values_of(answer) for answer in answers_of(batcher, jobs)]

    assert [len(values) for values in found] == [2, 2, 3, 9]
    assert [one.laps.rows for one in jobs] == [4, 4, 3, 9]


def test_requests_of_unlike_lengths_do_not_share_a_run(model):
    batcher = Batcher(model, 8)
    jobs = [job(model, batcher, body(n, tokens=tokens)) for n, tokens in enumerate([4, 7, 4, 7, 5])]

    found = [values_of(answer) for answer in answers_of(batcher, jobs)]

    assert found == [pytest.approx([n]) for n in range(5)]
    assert [one.laps.rows for one in jobs] == [2, 2, 2, 2, 1]


def test_a_poisoned_request_fails_alone(model):
    batcher = Batcher(model, 8)
    jobs = [job(model, batcher, body(n, pick=99 if n == 2 else 1)) for n in range(4)]

    answers = answers_of(batcher, jobs)

    assert isinstance(answers[2], ScoringError)
    assert [values_of(answers[n]) for n in (0, 1, 3)] == [pytest.approx([n + 10]) for n in (0, 1, 3)]


def test_a_body_that_cannot_be_read_fails_alone(model):
    batcher = Batcher(model, 8)
    jobs = [job(model, batcher, body(1)), job(model, batcher, b"no JSON"), job(model, batcher, body(2))]

    first, broken, last = answers_of(batcher, jobs)

    assert (values_of(first), values_of(last)) == (pytest.approx([1]), pytest.approx([2]))
    assert broken.status == 400


def test_what_a_client_no_longer_waits_for_is_not_run(model):
    batcher = Batcher(model, 8)
    jobs = [job(model, batcher, body(1)), job(model, batcher, body(2), left=True), job(model, batcher, body(3))]

    first, gone, last = answers_of(batcher, jobs)

    assert (values_of(first), values_of(last)) == (pytest.approx([1]), pytest.approx([3]))
    assert gone.code == "gone"
    assert jobs[0].laps.rows == 2


def test_inputs_with_unlike_numbers_of_rows_never_meet_the_rows_of_a_neighbour(tmp_path):
    model = load(sum_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8)
    given = [([1.0], [10.0, 20.0]), ([2.0], [30.0]), ([3.0, 4.0], [40.0]), ([5.0], [60.0])]  # as many a as b in all
    jobs = [job(model, batcher, pair(a, b)) for a, b in given]

    found = [orjson.loads(answer)["outputs"][0]["data"] for answer in answers_of(batcher, jobs)]

    assert found == [[11.0, 21.0], [32.0], [43.0, 44.0], [65.0]]
    assert [one.laps.rows for one in jobs] == [1, 2, 2, 2]
    assert [one.laps.follows for one in jobs] == [False, False, False, True]


def test_rows_of_unlike_numbers_are_told_apart_where_lengths_are_filled_up_too(tmp_path):
    model = load(sum_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8, Batching(pad={"a": 0}))
    jobs = [job(model, batcher, pair(a, b)) for a, b in [([1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0])]]

    found = [orjson.loads(answer)["outputs"][0]["data"] for answer in answers_of(batcher, jobs)]

    assert found == [[2.0, 3.0], [4.0, 5.0]]


def test_a_model_that_leaves_rows_out_gives_nobody_the_rows_of_another(tmp_path):
    model = load(filter_model(tmp_path / "model.onnx"))
    batcher = calibrate(model, Batching()) or Batcher(model, 8)  # on made-up inputs, which it keeps, it looks harmless
    given = [[1.0, -1.0], [2.0, 3.0], [-4.0, 5.0], [-6.0]]
    jobs = [job(model, batcher, vector(x)) for x in given]

    found = [values_of(answer) for answer in answers_of(batcher, jobs)]

    assert found == [[1.0], [2.0, 3.0], [5.0], []]


# --- no rows at all


@pytest.mark.parametrize("company", [[], [0], [1, 2], [9], [0, 9, 0]])
@pytest.mark.parametrize("most_rows", [1, 4])
def test_a_request_without_rows_is_answered_alone_and_in_company(model, company, most_rows):
    batcher = Batcher(model, most_rows)
    sizes = [0, *company, 0]
    jobs = [job(model, batcher, body(10.0, rows=rows)) for rows in sizes]

    found = [values_of(answer) for answer in answers_of(batcher, jobs)]

    assert found == [pytest.approx([10.0 + row for row in range(rows)]) for rows in sizes]


def test_a_request_without_rows_is_answered_where_lengths_are_filled_up(tmp_path):
    model = load(lengths_model(tmp_path / "model.onnx", reduce=False))
    batcher = Batcher(model, 8, Batching(pad={"x": 0}))
    shapes = [[0, 3], [1, 2], [0, 4], [2, 1]]
    jobs = [job(model, batcher, {"inputs": [tensor("x", shape, [1.0] * (shape[0] * shape[1]))]}) for shape in shapes]

    found = [orjson.loads(answer)["outputs"][0]["shape"] for answer in answers_of(batcher, jobs)]

    assert found == shapes


# --- who shares


def test_what_waits_is_shared_among_the_idle_runners(model):
    batcher = Batcher(model, 32)
    jobs = [job(model, batcher, body(n)) for n in range(9)]
    jobs[0].claim()

    group = batcher.gather(jobs[0], idle=2)

    assert len(group) == 5
    assert all(one.claimed for one in group)
    assert not any(one.claimed for one in jobs if one not in group)


def test_a_request_that_waited_too_long_is_not_gathered(model):
    batcher = Batcher(model, 32)
    jobs = [job(model, batcher, body(n)) for n in range(4)]
    jobs[0].claim()
    jobs[1].claim()  # the sweep has given it up

    assert batcher.gather(jobs[0], idle=1) == [jobs[0], jobs[2], jobs[3]]


# --- which models


def test_a_model_whose_rows_get_cheaper_in_company_is_batched(model):
    batcher = calibrate(model, Batching())

    assert batcher is not None
    assert batcher.most_rows >= 8


def test_a_model_that_mixes_its_rows_is_never_batched(tmp_path):
    assert calibrate(load(mixing_model(tmp_path / "model.onnx")), Batching()) is None


def test_a_model_that_squeezes_a_lone_row_is_never_batched(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows"])
    squeezing = load(save(tmp_path / "m.onnx", [helper.make_node("Squeeze", ["x"], ["y"])], [x], [y]))

    assert calibrate(squeezing, Batching()) is None


def test_answers_as_far_apart_as_their_type_allows_are_told_apart(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["rows", 1])
    ends = [helper.make_tensor(name, TensorProto.FLOAT16, [1], [value]) for name, value in FARTHEST.items()]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("Greater", ["sum", "x"], ["in_company"]),
        helper.make_node("Where", ["in_company", "high", "low"], ["y"]),
    ]
    model = load(save(tmp_path / "m.onnx", nodes, [x], [y], ends))

    with np.errstate(over="raise"):  # as while models are loaded
        assert calibrate(model, Batching()) is None


@pytest.mark.parametrize("shape", [["rows"], ["rows", 3], ["rows", 2, 2]])
def test_text_is_compared_like_everything_else(tmp_path, shape):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    texts = helper.make_tensor_value_info("texts", TensorProto.STRING, shape)
    node = helper.make_node("Cast", ["x"], ["texts"], to=TensorProto.STRING)

    assert calibrate(load(save(tmp_path / "m.onnx", [node], [x], [texts])), Batching(rows=8)).most_rows == 8
    assert _same(load(tmp_path / "m.onnx"), made_up(shape), 8)


def test_text_that_depends_on_company_is_told_apart(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    texts = helper.make_tensor_value_info("texts", TensorProto.STRING, ["rows", 4])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("Add", ["x", "sum"], ["y"]),
        helper.make_node("Cast", ["y"], ["texts"], to=TensorProto.STRING),
    ]
    model = load(save(tmp_path / "m.onnx", nodes, [x], [texts]))

    assert calibrate(model, Batching()) is None
    assert not _same(model, made_up(["rows", 4]), 8)


def made_up(shape: list) -> dict:
    return {"x": np.random.default_rng(0).random([8, *shape[1:]]).astype(np.float32)}


def test_a_model_with_a_fixed_number_of_rows_is_never_batched(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])

    fixed = load(save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [x], [y]))

    assert calibrate(fixed, Batching()) is None
    assert calibrate(fixed, Batching(rows=8)) is None


def test_sharing_can_be_turned_off_and_its_size_be_chosen(model):
    assert calibrate(model, Batching(rows=1)) is None
    assert calibrate(model, Batching(rows=5)).most_rows == 5


def test_a_quick_model_waits_for_company_where_a_delay_says_so(replica):
    replica.with_models(double=double_model).start(cpus=1, batching={"rows": 8, "delay_seconds": 2})
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda number: replica.score({"data": [[number] * 4]}).json(), range(8))
    assert list(asked) == [{"data": [[2.0 * number] * 4]} for number in range(8)]
    (counted,) = replica.client.get("/v2/models/double/stats").json()["model_stats"]
    assert [one["batch_size"] for one in counted["batch_stats"]] == [8]


def test_whether_all_cores_pay_is_judged_on_a_row_of_a_likely_length(model, monkeypatch):
    narrow, lengths = model._run, []

    def time(self, run, feed):
        lengths.append(feed["x"].shape[1])
        return len(feed["x"][0]) if run is narrow else 5  # a second core pays from five tokens on

    monkeypatch.setattr(OnnxModel, "_quickest", time)
    monkeypatch.setattr(model, "_wide", narrow)
    model.widen(2, None, calibration.made_up(model, 1))
    assert model._wide is not narrow
    assert set(lengths) == {calibration.FREE_DIMENSION}


def test_a_model_that_refuses_made_up_rows_is_judged_on_zeros(tmp_path, monkeypatch):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 4]) for name in "xy"]
    fixed = load(save(tmp_path / "m.onnx", nodes, given[:1], given[1:]))
    narrow, quickest, rows = fixed._run, OnnxModel._quickest, []

    def noted(self, run, feed):
        quickest(self, run, feed)
        rows.append(len(feed["x"]))
        return 10 if run is narrow else 5

    monkeypatch.setattr(OnnxModel, "_quickest", noted)
    fixed.widen(2, None, calibration.made_up(fixed, 1))
    assert fixed._wide is not narrow
    assert set(rows) == {3}


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


def test_with_padding_declared_unlike_lengths_share_a_run_and_get_their_own_length_back(tmp_path):
    model = load(lengths_model(tmp_path / "model.onnx"))
    batcher = Batcher(model, 8, Batching(pad={"x": -100}))
    given = [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]
    jobs = [
        job(model, batcher, {"inputs": [{"name": "x", "shape": [1, len(x)], "datatype": "FP32", "data": x}]})
        for x in given
    ]

    found = [orjson.loads(answer)["outputs"] for answer in answers_of(batcher, jobs)]

    assert [one.laps.rows for one in jobs] == [3, 3, 3]
    assert [(y["shape"], y["data"]) for y, _ in found] == [([1, len(x)], [2 * value for value in x]) for x in given]
    assert [total["data"] for _, total in found] == [[max(x)] for x in given]


def test_padding_of_what_is_no_input_is_refused_at_the_start(model):
    with pytest.raises(StartFailure, match="'words', which is no input of heavy; it takes x, pick"):
        Batcher(model, 8, Batching(pad={"words": 0}))


# --- the whole server


@pytest.fixture(scope="module")
def server(shared_replica):
    server = shared_replica.with_models(heavy=heavy_model).start(processes=1, cpus=2.0)
    assert "rows share a run" in server.log()
    return server


def test_many_at_once_all_get_their_own_answer(server):
    def ask(n: int) -> tuple[int, list[float]]:
        answer = server.score(body(n, tokens=3 + n % 2, pick=n % 4), path="/v2/models/heavy/infer")
        return answer.status_code, answer.json()["outputs"][0]["data"]

    with ThreadPoolExecutor(24) as people:
        found = list(people.map(ask, range(240)))

    assert found == [(200, [pytest.approx(n + TABLE[n % 4], rel=1e-4)]) for n in range(240)]


def test_clients_that_leave_in_the_middle_of_a_batch_take_no_answer_from_others(server):
    stop = threading.Event()

    def come_and_go() -> None:
        content = request_bytes(orjson.dumps(body(1.0)), "/v2/models/heavy/infer")
        while not stop.is_set():
            lines = [server.connect() for _ in range(8)]
            for line in lines:
                line.sendall(content)
            for line in lines:  # some vanish with a reset, some politely, all before their answer
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                line.close()

    def stay(n: int) -> None:
        with server.connect() as line:
            for turn in range(25):
                line.sendall(request_bytes(orjson.dumps(body(100.0 * n + turn)), "/v2/models/heavy/infer"))
                [(status, _, answer)] = read_answers(line)
                assert status == 200
                assert values_of(answer) == pytest.approx([100.0 * n + turn], rel=1e-4)

    leaver = threading.Thread(target=come_and_go)
    leaver.start()
    try:
        with ThreadPoolExecutor(8) as people:
            list(people.map(stay, range(8)))
    finally:
        stop.set()
        leaver.join()
    assert server.process.poll() is None
