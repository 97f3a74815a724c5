"""A gRPC service that stops, or loses a process, answers the calls that it has received."""

import queue
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import psutil
import pytest
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.scoring.conftest import Replica, double_model
from tests.scoring.rpc_client import AUTH, LONG, started, tensor
from tests.scoring.rpc_models import lasting_model


def test_drain_answers_pending_calls_and_ends_idle_streams(replica):
    rpc = started(replica.with_models(lasting=lasting_model), cpus=1)
    open_stream = rpc.stub.ModelStreamInfer(iter(queue.Queue().get, None), metadata=AUTH)
    calls = [rpc.last(LONG / 4, value=number) for number in range(3)]
    time.sleep(0.15)
    began = time.monotonic()
    assert rpc.replica.stop() == 0
    assert time.monotonic() - began < 5
    assert [list(call.result().outputs[0].contents.fp32_contents) for call in calls] == [[0], [1], [2]]
    with pytest.raises(grpc.RpcError):
        next(open_stream)
    rpc.close()


def test_drain_loses_no_call_of_a_busy_client(replica):
    rpc = started(replica.with_models(double=double_model), processes=2)
    answered, failures = Counter(), []

    def ask_until_it_has_gone() -> None:
        channel = rpc.another_channel()
        stub = GRPCInferenceServiceStub(channel)
        request = messages.ModelInferRequest(model_name="double", inputs=[tensor()])
        try:
            while True:
                stub.ModelInfer(request, metadata=AUTH, timeout=20)
                answered[channel] += 1
        except grpc.RpcError as error:
            failures.append(error)
        channel.close()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(ask_until_it_has_gone)
        replica.until(lambda: len(answered) == 8 and min(answered.values()) > 20)
        assert replica.stop() == 0
    assert [error.code() for error in failures] == [grpc.StatusCode.UNAVAILABLE] * 8
    assert all("failed to connect" in error.details() for error in failures)
    rpc.close()


def test_worker_goes_on_alone_on_a_shared_port(replica):
    rpc = started(replica.with_models(double=double_model), processes=2)
    channels = [rpc.another_channel() for _ in range(24)]
    ask = messages.ModelInferRequest(model_name="double", inputs=[tensor()])

    def ask_all() -> None:
        for channel in channels:
            stub = GRPCInferenceServiceStub(channel)
            with suppress(grpc.RpcError):  # it may have been on its way to the process that died: clients repeat it
                stub.ModelInfer(ask, metadata=AUTH, wait_for_ready=True, timeout=20)
            stub.ModelInfer(ask, metadata=AUTH, wait_for_ready=True, timeout=20)

    def busy(worker: psutil.Process) -> int:
        return sum(one.laddr.port == rpc.port and one.status == "ESTABLISHED" for one in worker.net_connections("tcp"))

    ask_all()
    workers = replica.workers()
    assert len(workers) == 2
    assert all(busy(worker) > 0 for worker in workers)
    workers[0].kill()
    workers[0].wait(10)  # until then it may take a call with it that comes after one that it has answered
    ask_all()
    replica.until(lambda: replica.status().get("restarts") == 1)
    ask_all()
    for one in channels:
        one.close()
    rpc.close()


def test_revisions_overlap_on_a_port_if_both_share_it(replica, tmp_path):
    rpc = started(replica.with_models(double=double_model), share_port=True)
    second = Replica(tmp_path / "second").with_models(double=double_model)
    second.start(grpc_port=rpc.port, share_port=True)
    assert replica.stop() == 0
    assert rpc.ask(tensor()).model_name == "double"
    second.close()
    rpc.close()
