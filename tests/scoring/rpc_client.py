"""Clients of a replica's gRPC port, the tensors they send, and the refusals they get."""

from collections import Counter
from contextlib import closing, contextmanager

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import np_to_triton_dtype

from tests.scoring.conftest import KEY, KINDS, Replica, double_model, free_port, sum_model
from tests.scoring.rpc_models import CONTENTS, halves_model, iris_model, same_model, times_a_second

AUTH = (("authorization", f"Bearer {KEY}"),)
HEADERS = dict(AUTH)
INFER = "/inference.GRPCInferenceService/ModelInfer"
ROW = np.array([[1, 2, 3, 4]], np.float32)
LONG = 0.6  # seconds


class Rpc:
    """Clients of a replica's gRPC port: Triton's, and the stub that its generated code gives."""

    def __init__(self, replica: Replica, port: int) -> None:
        self.replica = replica
        self.port = port
        self.channel = self.another_channel()
        self.stub = GRPCInferenceServiceStub(self.channel)
        self.triton = triton.InferenceServerClient(f"127.0.0.1:{port}")

    def another_channel(self) -> grpc.Channel:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options)

    def ask(self, *tensors, model="double", raw=(), outputs=(), id="", metadata=AUTH):
        wanted = [{"name": name} for name in outputs]
        request = messages.ModelInferRequest(
            model_name=model, id=id, inputs=tensors, raw_input_contents=raw, outputs=wanted
        )
        return self.stub.ModelInfer(request, metadata=metadata, timeout=20, wait_for_ready=True)

    def last(self, seconds: float, metadata=AUTH, timeout: float = 20, value: float = 1.0) -> grpc.Future:
        """Ask the lasting model; does not wait for its answer."""
        times = int(seconds * times_a_second())
        tensors = [tensor("times", [1], "INT64", "int64_contents", [times]), tensor("x", [1], data=[value])]
        request = messages.ModelInferRequest(model_name="lasting", inputs=tensors)
        return self.stub.ModelInfer.future(request, metadata=metadata, timeout=timeout)

    def codes(self) -> Counter:
        """Requests counted so far, by HTTP status and key."""
        lines = self.replica.client.get("/metrics").text.splitlines()
        found = [line.rpartition(" ") for line in lines if line.startswith("slipway_requests_total{")]
        return Counter({name.split("{")[1]: int(count) for name, _, count in found})

    def runs(self) -> int:
        """Requests that reached a model."""
        lines = self.replica.client.get("/metrics").text.splitlines()
        return next(
            int(line.split()[1]) for line in lines if line.startswith("slipway_inference_duration_seconds_count")
        )

    def close(self) -> None:
        self.triton.close()
        self.channel.close()


def started(replica: Replica, *, wait: bool = True, **settings) -> Rpc:
    port = free_port()
    replica.start(grpc_port=port, **settings) if wait else replica.launch(grpc_port=port, **settings)
    return Rpc(replica, port)


@contextmanager
def served(replica: Replica):
    """One service with every model that answers at once, for the tests of a file to share."""
    models = {
        "double": double_model, "sum": sum_model, "kinds": same_model(*KINDS), "typed": same_model(*CONTENTS),
        "halves": halves_model, "iris": iris_model,
    }  # fmt: skip
    with closing(started(replica.with_models(**models), max_body_bytes=4_000_000)) as rpc:
        yield rpc


def tensor(name="x", shape=(1, 4), datatype="FP32", contents="fp32_contents", data=(1, 2, 3, 4)):
    return messages.ModelInferRequest.InferInputTensor(
        name=name, shape=list(shape), datatype=datatype, contents={contents: list(data)} if contents else None
    )


def x(**more):
    return {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]} | more


def triton_input(name, array, datatype=None):
    made = triton.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array)
    return made


@contextmanager
def refused(code: grpc.StatusCode, *words: str):
    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    assert caught.value.code() is code, caught.value
    for word in words:
        assert word in caught.value.details(), caught.value
