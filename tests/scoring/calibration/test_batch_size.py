"""Which models are batched, up to which size, and which use all cores, found out when they are loaded."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper

from scoring.calibration import batch_size, synthetic_inputs
from scoring.calibration.batch_invariance import is_same_alone
from scoring.calibration.batch_size import calibrate
from scoring.contract import Batching
from scoring.onnx import session
from tests.scoring.batches import FARTHEST, heavy_model, load, mixing_model
from tests.scoring.conftest import double_model, save


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(heavy_model(tmp_path_factory.mktemp("batching") / "model.onnx"))


def test_model_whose_rows_get_cheaper_in_a_batch_is_batched(model):
    batcher = calibrate(model, Batching())

    assert batcher is not None
    assert batcher.most_rows >= 8


def test_load_of_other_programs_does_not_hide_the_gain_of_batches(model, monkeypatch):
    compute = model.compute

    def interrupted(names, feed, **more):
        results = compute(names, feed, **more)
        if len(results[0]) > 1:
            time.sleep(0.05)  # another program has the core meanwhile
        return results

    monkeypatch.setattr(model, "compute", interrupted)
    assert calibrate(model, Batching()) is not None


RUNS = 12  # after each of them the machine changes its speed once


@pytest.fixture
def machine(model, monkeypatch):
    """Lets a row cost 100 µs alone and `batched` in a batch (by size); times `slower` from run `since` to `until`."""

    def behaves(batched: int | dict[int, float], slower: float = 1, since: int = 0, until: int = 1000) -> None:
        compute, sizes, now = model.compute, [], 0

        def timed(names, feed, **more):
            nonlocal now
            rows = len(feed["x"])
            speed = slower if since <= len(sizes) < until else 1
            cost = batched.get(rows, 100) if isinstance(batched, dict) else batched
            now += int((100 if rows == 1 else cost * rows) * 1000 * speed)
            sizes.append(rows)
            return compute(names, feed, **more)

        monkeypatch.setattr(model, "compute", timed)
        monkeypatch.setattr(batch_size, "thread_time_ns", lambda: now)

    return behaves


@pytest.mark.parametrize("since", range(RUNS))
@pytest.mark.parametrize("slower", [0.6, 1.6])
@pytest.mark.parametrize(("batched", "rows"), [(81, 8), (100, None)])
def test_change_of_clock_rate_does_not_decide_the_batch_size(model, machine, batched, rows, slower, since):
    machine(batched, slower, since)
    batcher = calibrate(model, Batching())
    assert (batcher and batcher.most_rows) == rows


@pytest.mark.parametrize("since", range(RUNS))
@pytest.mark.parametrize(("batched", "rows"), [(81, 8), (100, None)])
def test_one_slow_comparison_does_not_decide_the_batch_size(model, machine, batched, rows, since):
    machine(batched, 1.6, since, until=since + 3)
    batcher = calibrate(model, Batching())
    assert (batcher and batcher.most_rows) == rows


@pytest.mark.parametrize(
    ("batched", "rows", "deep"),
    [
        ({8: 95, 4: 97}, 1, 4),  # µs a row
        ({8: 92, 4: 99.5}, 1, None),
        ({8: 80, 16: 79}, 8, 16),
        ({8: 80, 16: 79.9}, 8, 8),
        ({8: 80, 16: 70, 32: 60, 64: 50}, 64, 64),
    ],
)
def test_sizes_that_gain_little_are_for_deep_queues_only(model, machine, batched, rows, deep):
    machine(batched)

    batcher = calibrate(model, Batching())

    assert (batcher and (batcher.most_rows, batcher.deep_rows)) == (deep and (rows, deep))


def test_model_that_mixes_its_rows_is_never_batched(tmp_path):
    assert calibrate(load(mixing_model(tmp_path / "model.onnx")), Batching()) is None


def test_model_that_squeezes_a_single_row_is_never_batched(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows"])
    squeezing = load(save(tmp_path / "m.onnx", [helper.make_node("Squeeze", ["x"], ["y"])], [x], [y]))

    assert calibrate(squeezing, Batching()) is None


def test_results_at_opposite_type_limits_are_not_close(tmp_path):
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
def test_text_results_are_compared(tmp_path, shape):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    texts = helper.make_tensor_value_info("texts", TensorProto.STRING, shape)
    node = helper.make_node("Cast", ["x"], ["texts"], to=TensorProto.STRING)

    assert calibrate(load(save(tmp_path / "m.onnx", [node], [x], [texts])), Batching(rows=8)).most_rows == 8
    assert is_same_alone(load(tmp_path / "m.onnx"), random_rows(shape), 8)


def test_text_results_that_depend_on_the_batch_are_found(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    texts = helper.make_tensor_value_info("texts", TensorProto.STRING, ["rows", 4])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("Add", ["x", "sum"], ["y"]),
        helper.make_node("Cast", ["y"], ["texts"], to=TensorProto.STRING),
    ]
    model = load(save(tmp_path / "m.onnx", nodes, [x], [texts]))

    assert calibrate(model, Batching()) is None
    assert not is_same_alone(model, random_rows(["rows", 4]), 8)


def random_rows(shape: list) -> dict:
    return {"x": np.random.default_rng(0).random([8, *shape[1:]]).astype(np.float32)}


def test_model_with_a_fixed_number_of_rows_is_never_batched(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])

    fixed = load(save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [x], [y]))

    assert calibrate(fixed, Batching()) is None
    assert calibrate(fixed, Batching(rows=8)) is None


def test_batching_can_be_turned_off_and_sized(model):
    assert calibrate(model, Batching(rows=1)) is None
    assert calibrate(model, Batching(rows=5)).most_rows == 5


def test_quick_model_waits_the_configured_delay_for_a_batch(replica):
    replica.with_models(double=double_model).start(cpus=1, batching={"rows": 8, "delay_seconds": 2})
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda number: replica.score({"data": [[number] * 4]}).json(), range(8))
    assert list(asked) == [{"data": [[2.0 * number] * 4]} for number in range(8)]
    (counted,) = replica.client.get("/v2/models/double/stats").json()["model_stats"]
    assert [one["batch_size"] for one in counted["batch_stats"]] == [8]


def test_widening_is_judged_on_a_row_of_a_likely_length(model, monkeypatch):
    narrow, lengths = model._run, []

    def time(run, names, feed):
        lengths.append(feed["x"].shape[1])
        return len(feed["x"][0]) if run is narrow else 5  # a second core pays from five tokens on

    monkeypatch.setattr(session, "quickest", time)
    monkeypatch.setattr(model, "_wide_run", narrow)
    model.widen(2, None, synthetic_inputs.synthetic_rows(model, 1))
    assert model._wide_run is not narrow
    assert set(lengths) == {synthetic_inputs.FREE_LENGTH}


@pytest.mark.parametrize(
    ("of_all_cores", "is_wide"), [([33, 18], True), ([33, 33, 18], True), ([30], True), ([33] * 3, False)]
)
def test_core_that_is_busy_for_a_moment_does_not_prevent_widening(model, monkeypatch, of_all_cores, is_wide):
    narrow, found = model._run, iter(of_all_cores)
    monkeypatch.setattr(session, "quickest", lambda run, names, feed: 34 if run is narrow else next(found))
    monkeypatch.setattr(session, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(model, "_wide_run", narrow)
    model.widen(2, None, synthetic_inputs.synthetic_rows(model, 1))
    assert (model._wide_run is not narrow) == is_wide
    assert next(found, None) is None


def test_widening_is_judged_on_zeros_where_synthetic_rows_are_refused(tmp_path, monkeypatch):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 4]) for name in "xy"]
    fixed = load(save(tmp_path / "m.onnx", nodes, given[:1], given[1:]))
    narrow, quickest, rows = fixed._run, session.quickest, []

    def noted(run, names, feed):
        quickest(run, names, feed)
        rows.append(len(feed["x"]))
        return 10 if run is narrow else 5

    monkeypatch.setattr(session, "quickest", noted)
    fixed.widen(2, None, synthetic_inputs.synthetic_rows(fixed, 1))
    assert fixed._wide_run is not narrow
    assert set(rows) == {3}


def test_model_too_slow_for_batches_is_not_run_on_them(model, monkeypatch):
    compute, asked = model.compute, []

    def slow(names, feed, **more):
        asked.append(len(feed["x"]))
        return compute(names, feed, **more)

    monkeypatch.setattr(batch_size, "MAX_RUN_NS", 1)
    monkeypatch.setattr(model, "compute", slow)
    assert calibrate(model, Batching()) is None
    assert asked == [1]


def test_synthetic_rows_stay_within_their_memory_limit(tmp_path, monkeypatch):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 3, 1024, 1024]) for name in "xy"]
    large = load(save(tmp_path / "m.onnx", nodes, given[:1], given[1:]))
    synthetic_rows, rows = batch_size.synthetic_rows, []
    monkeypatch.setattr(
        batch_size, "synthetic_rows", lambda model, count: rows.append(count) or synthetic_rows(model, count)
    )
    calibrate(large, Batching())
    assert max(rows) < 8
