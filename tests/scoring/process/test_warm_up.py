"""A service asks itself its sample request before it is ready, and is not ready where the answer is an error."""

import json
import socket
import time

import pytest

from tests.scoring.conftest import double_model, sum_model

ROW = {"data": [[1, 2, 3, 4]]}
INFER = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
# Writes down every request that it is asked; what comes of one is the body's to say.
SCRIPT = """
import json, os, time

def init():
    global seen, first
    seen, first = open(f"../../asked-{os.getpid()}", "a", buffering=1), True

def note(data):
    print(data, file=seen)
    return json.loads(data)

def run(data):
    global first
    asked = note(data)
    if first:
        first = False
        time.sleep(asked.get("first", 0))
    time.sleep(asked.get("every", 0))
    if asked.get("bad"):
        raise ValueError("no such plant")
    return asked
"""
ASYNC = SCRIPT.replace("def run(data):\n", "async def run(data):\n    import asyncio\n    await asyncio.sleep(0)\n")
STREAM = """
    try:
        for part in range(3):
            yield part
            if asked.get("broken") and part == 1:
                raise KeyError("in the middle")
    finally:
        print("ended after", part, file=seen)
"""
GENERATOR = SCRIPT.replace("    return asked\n", STREAM)
ASYNC_GENERATOR = GENERATOR.replace("def run(data):\n", "async def run(data):\n")
RAW = """
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    assert request.method == "POST" and request.full_path.startswith("/score")
    return AMLResponse("not today", int(request.json["status"]))
"""
COLLECTING = """
from azureml.monitoring import ModelDataCollector

def init():
    global inputs
    inputs = ModelDataCollector("iris", designation="inputs", feature_names=["a"])

def run(data):
    inputs.collect([[1]])
    return "ok"
"""


def asked(replica):
    """What each process was asked."""
    files = replica.folder.parent.glob("asked-*")
    return [file.read_text().splitlines() for file in files]


def refused(replica):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", replica.port)) != 0


@pytest.mark.parametrize("warm_up", [{"body": ROW}, {"body": INFER, "path": "/v2/models/double/infer", "runs": 1}])
def test_sample_warms_up_a_model(replica, warm_up):
    replica.with_models(double=double_model).start(warm_up=warm_up)

    assert "warmed up with the sample request, sent" in replica.log()
    assert replica.score(ROW).json() == {"data": [[2, 4, 6, 8]]}


def test_path_selects_which_of_several_models_is_warmed_up(replica):
    body = {"inputs": [{"name": name, "shape": [2], "datatype": "FP32", "data": [1, 2]} for name in ("a", "b")]}
    warm_up = {"body": body, "path": "/v2/models/sum/infer"}
    replica.with_models(double=double_model, sum=sum_model).start(warm_up=warm_up)

    assert replica.score(body, "/v2/models/sum/infer").json()["outputs"][0]["data"] == [2, 4]


@pytest.mark.parametrize(
    ("rows", "batching", "most"),
    [
        (1, {"rows": 1}, None),
        (1, {"rows": 8}, 8),
        (3, {"rows": 20}, 4),
        (9, {"rows": 8}, None),
        (1, {"rows": 8, "delay_seconds": 5}, 8),
        (1, {"rows": 8, "pad": {"x": 0}}, 8),
    ],
)
def test_batched_models_are_warmed_up_with_growing_batches(replica, rows, batching, most):
    body = {"data": [[1, 2, 3, 4]] * rows}
    replica.with_models(double=double_model).start(warm_up={"body": body}, batching=batching)

    assert (f"; then up to {most} at once" in replica.log()) == (most is not None)
    assert ("at once" in replica.log()) == (most is not None)


def test_sample_without_rows_is_accepted(replica):
    nothing = {"name": "x", "shape": [0, 4], "datatype": "FP32", "data": []}
    replica.with_models(double=double_model).start(warm_up={"body": {"inputs": [nothing]}}, batching={"rows": 8})

    assert "at once" in replica.log()


@pytest.mark.parametrize("script", [SCRIPT, ASYNC])
def test_script_gets_the_sample_the_configured_number_of_times(replica, script):
    replica.with_script(script).start(warm_up={"body": {"a": [1, None, "é"]}, "runs": 5})

    assert [[json.loads(line) for line in lines] for lines in asked(replica)] == [[{"a": [1, None, "é"]}] * 5]


@pytest.mark.parametrize("script", [GENERATOR, ASYNC_GENERATOR])
def test_streamed_response_to_the_sample_is_read_to_its_end(replica, script):
    replica.with_script(script).start(warm_up={"body": {}, "runs": 2})

    assert asked(replica) == [["{}", "ended after 2"] * 2]


def test_sample_may_be_any_json_value(replica):
    replica.with_script("def init(): pass\ndef run(data): return data").start(warm_up={"body": None})

    assert replica.score("1").json() == "1"


def test_every_worker_is_warmed_up(replica):
    replica.with_script(SCRIPT).start(warm_up={"body": {}, "runs": 2}, processes=3)

    assert asked(replica) == [["{}"] * 2] * 3


def test_replaced_worker_is_warmed_up(replica):
    replica.with_script(SCRIPT).start(warm_up={"body": {}, "runs": 1})
    replica.workers()[0].kill()

    replica.until(lambda: replica.status().get("restarts") == 1 and len(asked(replica)) == 2)


def test_first_request_does_not_pay_for_a_slow_first_run(replica):
    replica.with_script(SCRIPT).start(warm_up={"body": {"first": 1}})
    began = time.monotonic()

    assert replica.score({"first": 1}).json() == {"first": 1}
    assert time.monotonic() - began < 0.9
    assert "sent 3 times: the first took 1." in replica.log()


def test_first_warm_up_run_may_exceed_the_scoring_timeout(replica):
    replica.with_script(SCRIPT).start(warm_up={"body": {"first": 1}}, scoring_timeout_seconds=0.5)

    assert replica.score({}).status_code == 200


def test_last_warm_up_run_beyond_the_scoring_timeout_fails_the_start(replica):
    warm_up = {"body": {"every": 0.5}}
    failure = replica.with_script(SCRIPT).fail_to_start(warm_up=warm_up, scoring_timeout_seconds=0.2)

    assert failure["reason"] == "warm_up_failed"
    assert "504" in failure["message"]
    assert "scoring timeout of 0.2 s" in failure["message"]


def test_start_deadline_ends_a_hung_warm_up_with_stacks(replica):
    failure = replica.with_script(SCRIPT).fail_to_start(warm_up={"body": {"every": 60}}, start_deadline_seconds=1.5)

    assert failure["reason"] == "start_timeout"
    assert "in run" in failure["evidence"]


def test_service_can_be_stopped_during_warm_up(replica):
    replica.with_script(SCRIPT).launch(warm_up={"body": {"every": 60}})
    replica.until(lambda: asked(replica) == [['{"every":60}']])
    began = time.monotonic()

    assert replica.stop() == 0
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("script", "body", "status", "message", "evidence"),
    [
        (SCRIPT, {"bad": True}, 500, "run() raised ValueError: no such plant", "line 20, in run"),
        (ASYNC, {"bad": True}, 500, "ValueError: no such plant", "in run"),
        (GENERATOR, {"broken": True}, 500, "KeyError: 'in the middle'", "Traceback"),
        (ASYNC_GENERATOR, {"broken": True}, 500, "KeyError: 'in the middle'", "Traceback"),
        (SCRIPT.replace("return asked", "return object()"), {}, 500, "object", "not_serialisable"),
        (RAW, {"status": 418}, 418, "/score", "not today"),
    ],
)
def test_script_answering_the_sample_with_an_error_does_not_start(replica, script, body, status, message, evidence):
    failure = replica.with_script(script).fail_to_start(warm_up={"body": body})

    assert failure["reason"] == "warm_up_failed"
    assert f"with {status}" in failure["message"]
    assert message in failure["message"]
    assert evidence in failure["evidence"]
    assert refused(replica)


@pytest.mark.parametrize(
    ("warm_up", "status", "words"),
    [
        ({"body": {"data": [[1, 2]]}}, 400, "bad_input"),
        ({"body": "text"}, 400, "message"),
        ({"body": ROW, "path": "/v2/models/double/infer"}, 400, '"error"'),
        ({"body": ROW, "path": "/v2/models/other/infer"}, 404, "served: double:1"),
        ({"body": ROW, "path": "/v2/models/double/colour"}, 404, "nothing at /v2/models/double/colour"),
        ({"body": ROW, "path": "/v2/models/double/ready"}, 405, "no request to score"),
    ],
)
def test_model_refusing_the_sample_does_not_start(replica, warm_up, status, words):
    failure = replica.with_models(double=double_model).fail_to_start(warm_up=warm_up)

    assert failure["reason"] == "warm_up_failed"
    assert f"with {status}" in failure["message"]
    assert words in failure["evidence"]
    assert refused(replica)


def test_sample_to_score_of_several_models_fails_with_a_hint_at_the_path(replica):
    failure = replica.with_models(double=double_model, sum=sum_model).fail_to_start(warm_up={"body": ROW})

    assert failure["reason"] == "warm_up_failed"
    assert "/v2/models/<name>/infer" in failure["message"]


def test_sample_that_ends_the_process_is_reported_as_a_crash(replica):
    script = "import os\ndef init(): pass\ndef run(data): os._exit(9)"
    assert replica.with_script(script).fail_to_start(warm_up={"body": 1})["reason"] == "worker_crashed"


def test_memory_error_on_the_sample_is_reported_as_out_of_memory(replica):
    script = "def init(): pass\ndef run(data): raise MemoryError"
    assert replica.with_script(script).fail_to_start(warm_up={"body": 1})["reason"] == "out_of_memory"


def test_warm_up_is_not_counted_collected_or_in_the_access_log(replica):
    replica.with_models(double=double_model, sum=sum_model).start(
        warm_up={"body": ROW, "path": "/v1/models/double:predict"} | {"body": {"instances": [[1, 2, 3, 4]]}},
        access_log=True,
        collect={"seconds": 0.1},
    )

    assert "POST" not in replica.log()
    assert not list((replica.folder / "collected").glob("*"))
    assert replica.client.get("/v2/models/double/stats").json()["model_stats"][0]["inference_count"] == 0
    counts = [line for line in replica.client.get("/metrics").text.splitlines() if "requests_total" in line]
    assert not any(line[0] != "#" and float(line.split()[-1]) for line in counts)


@pytest.mark.parametrize(("collect", "rows"), [({"seconds": 0.1, "inputs": False, "predictions": False}, 1), (None, 0)])
def test_rows_collected_by_a_script_during_warm_up_are_discarded(replica, collect, rows):
    replica.with_script(COLLECTING).start(warm_up={"body": 1}, **({"collect": collect} if collect else {}))
    assert "collection is off" not in replica.log()
    replica.score("1")

    def found():
        files = (replica.folder / "collected").glob("*.jsonl")
        return [line for file in files for line in file.read_text().splitlines() if '"script"' in line]

    replica.until(lambda: len(found()) == rows if collect else "collection is off" in replica.log())


def test_output_of_a_script_during_warm_up_is_marked_in_the_log(replica):
    replica.with_script("def init(): pass\ndef run(data): print('asked', data)").start(warm_up={"body": [7], "runs": 1})

    assert "[warm-up] asked [7]\n" in replica.log()
