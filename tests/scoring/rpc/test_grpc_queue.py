"""Concurrent gRPC calls: streams, the queue shared with HTTP, and shared runs."""

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as messages

from tests.scoring.batches import TABLE, heavy_model
from tests.scoring.conftest import double_model
from tests.scoring.rpc_client import AUTH, HEADERS, LONG, ROW, Rpc, refused, served, started, tensor, triton_input, x
from tests.scoring.rpc_models import lasting_model

LARGE = 150_000  # values of a request that goes through the queue, however quick the model


@pytest.fixture(scope="module")
def server(shared_replica):
    with served(shared_replica) as rpc:
        yield rpc


@pytest.fixture
def lasting(replica):
    """One runner thread, so that a second request has to wait."""
    made = []

    def start(**settings) -> Rpc:
        made.append(started(replica.with_models(lasting=lasting_model), cpus=1, **settings))
        return made[0]

    yield start
    for rpc in made:
        rpc.close()


# -- streams


def test_stream_answers_in_order_and_continues_after_an_error(server):
    asked = [
        messages.ModelInferRequest(model_name=model, id=str(number), inputs=[tensor(data=[number] * 4)])
        for number, model in enumerate(["double", "triple", "double"])
    ]
    first, second, third = server.stub.ModelStreamInfer(iter(asked), metadata=AUTH, timeout=20)
    assert (first.error_message, first.infer_response.id) == ("", "0")
    assert list(third.infer_response.outputs[0].contents.fp32_contents) == [4, 4, 4, 4]
    assert "no model triple" in second.error_message
    assert (second.infer_response.id, second.infer_response.model_name) == ("1", "triple")
    assert all(one.infer_response.parameters["triton_final_response"].bool_param for one in (first, second, third))


def test_tritonclient_streams(server):
    got = queue.Queue()
    server.triton.start_stream(lambda result, error: got.put((result, error)), headers=HEADERS)
    for number in range(20):
        server.triton.async_stream_infer("double", [triton_input("x", ROW * number)], request_id=str(number))
    answers = [got.get(timeout=20) for _ in range(20)]
    server.triton.stop_stream()
    assert [error for _, error in answers] == [None] * 20
    assert [result.get_response().id for result, _ in answers] == [str(number) for number in range(20)]
    assert all(np.array_equal(result.as_numpy("y"), ROW * 2 * n) for n, (result, _) in enumerate(answers))


def test_concurrent_clients_get_their_own_responses(server):
    def ask(number: int) -> bool:
        answer = server.triton.infer("double", [triton_input("x", ROW * number)], headers=HEADERS)
        return np.array_equal(answer.as_numpy("y"), ROW * 2 * number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


# -- the queue


def test_call_cancelled_in_the_queue_is_not_run(lasting):
    rpc = lasting()
    running = rpc.last(LONG)
    time.sleep(0.2)
    gone, late = rpc.last(0), rpc.last(0, timeout=0.1)
    time.sleep(0.1)
    gone.cancel()
    assert late.exception().code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert list(running.result().outputs[0].contents.fp32_contents) == [1.0]
    rpc.replica.until(lambda: sum(rpc.codes().values()) == 3)
    assert rpc.codes() == {'code="200",key="primary"}': 1, 'code="499",key="primary"}': 2}
    assert rpc.runs() == 1


def test_queue_full_is_unavailable_with_retry_pushback(lasting):
    rpc = lasting(queue_limit=1)
    waiting = [rpc.last(2 * LONG)]
    time.sleep(0.2)
    waiting.append(rpc.last(0))
    time.sleep(0.1)
    third = rpc.last(0)
    assert third.exception().code() is grpc.StatusCode.UNAVAILABLE
    assert "waiting already" in third.exception().details()
    assert dict(third.exception().trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
    assert [len(call.result().outputs) for call in waiting] == [1, 1]


def test_queue_full_counts_as_model_failure_and_is_logged(replica):
    models = replica.with_models(lasting=lasting_model, double=double_model)
    with closing(started(models, cpus=1, queue_limit=1, access_log=True)) as rpc:
        waiting = [rpc.last(2 * LONG)]
        time.sleep(0.2)
        waiting.append(rpc.last(0))
        time.sleep(0.1)
        third = rpc.last(0, metadata=(*AUTH, ("x-request-id", "third")))
        assert third.exception().code() is grpc.StatusCode.UNAVAILABLE
        assert [len(call.result().outputs) for call in waiting] == [1, 1]
        figures = rpc.triton.get_inference_statistics("lasting", headers=HEADERS).model_stats[0].inference_stats
        assert (figures.success.count, figures.fail.count) == (2, 1)
        assert "[third] - POST /inference.GRPCInferenceService/ModelInfer status=503 " in replica.log()


def test_run_beyond_timeout_is_deadline_exceeded(lasting):
    rpc = lasting(scoring_timeout_seconds=1.0)
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED, "scoring timeout of 1 s"):
        rpc.last(4 * LONG).result()
    assert rpc.last(0).result().outputs[0].name == "y"


def test_http_and_grpc_share_the_queue(lasting):
    rpc = lasting()
    running = rpc.last(LONG)
    time.sleep(0.2)
    tensors = [x(name="times", shape=[1], datatype="INT64", data=[0]), x(shape=[1], data=[3])]
    began = time.monotonic()
    shown = rpc.replica.score({"inputs": tensors}, "/v2/models/lasting/infer")
    assert shown.json()["outputs"][0]["data"] == [3.0]
    assert running.done() or time.monotonic() - began > 0.1
    assert running.result().outputs[0].name == "y"


def test_requests_of_both_protocols_share_runs(replica):
    rpc = started(replica.with_models(heavy=heavy_model), processes=1, cpus=1)

    def over_grpc(pick: int) -> float:
        inputs = [triton_input("x", np.ones((1, LARGE), np.float32)), triton_input("pick", np.array([pick]))]
        return rpc.triton.infer("heavy", inputs, headers=HEADERS).as_numpy("y")[0]

    def over_http(pick: int) -> float:
        tensors = [x(shape=[1, LARGE], data=[1] * LARGE), x(name="pick", shape=[1], datatype="INT64", data=[pick])]
        answer = replica.score({"inputs": tensors}, "/v2/models/heavy/infer")
        return answer.json()["outputs"][0]["data"][0]

    picks = [number % len(TABLE) for number in range(48)]
    with ThreadPoolExecutor(24) as pool:
        got = list(pool.map(lambda pick: (over_grpc, over_http)[pick % 2](pick), picks))
    np.testing.assert_allclose(got, [1 + TABLE[pick] for pick in picks], rtol=1e-3)
    stats = rpc.triton.get_inference_statistics("heavy", headers=HEADERS).model_stats[0]
    assert stats.inference_count == 48
    assert stats.execution_count < 48
    rpc.close()
