"""Limits of the gRPC server: keys, messages and their size, connections."""

import socket
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as messages

from tests.scoring.conftest import KEY, double_model
from tests.scoring.rpc_client import AUTH, HEADERS, INFER, refused, served, started, tensor, triton_input


@pytest.fixture(scope="module")
def server(shared_replica):
    with served(shared_replica) as rpc:
        yield rpc


def peak_of(process: Path) -> int:
    """Its peak resident memory, in KiB."""
    return next(int(line.split()[1]) for line in (process / "status").read_text().splitlines() if "VmHWM" in line)


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer wrong"),), (("authorization", KEY),), (("authorization", "Bearer "),)],
)
def test_calls_without_key_are_unauthenticated(server, metadata):
    before = server.codes()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        server.ask(tensor(), metadata=metadata)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        server.stub.ModelMetadata(messages.ModelMetadataRequest(name="double"), metadata=metadata)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        next(server.stub.ModelStreamInfer(iter([messages.ModelInferRequest()]), metadata=metadata, timeout=20))
    assert sum((server.codes() - before).values()) == 2


def test_unauthenticated_large_message_is_rejected_before_it_is_sent(server):
    sent = 0

    def parts():
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield bytes(3_000_000)

    call = server.channel.stream_stream(INFER.replace("ModelInfer", "ModelStreamInfer"))
    with refused(grpc.StatusCode.UNAUTHENTICATED):
        list(call(parts(), timeout=20))
    assert sent < 10


@pytest.mark.parametrize("method", ["ModelMetadata", "ServerMetadata", "ModelStatistics"])
def test_unauthenticated_message_is_rejected_unread(server, method):
    ended = threading.Event()
    call = server.channel.stream_unary(INFER.replace("ModelInfer", method))
    with refused(grpc.StatusCode.UNAUTHENTICATED):
        call((b"" for _ in iter(ended.wait, True)), timeout=20)
    ended.set()


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_invalid_message_is_refused(server, body):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no InferHead"):
        server.channel.unary_unary(INFER)(body, metadata=AUTH, timeout=20)


def test_call_without_message_is_refused(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no message"):
        server.channel.stream_unary(INFER)(iter(()), metadata=AUTH, timeout=20)


def test_message_over_limit_is_refused(server):
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger"):
        server.ask(tensor(contents=None), raw=[bytes(4_000_001)])
    assert server.ask(tensor()).model_name == "double"


def test_message_over_limit_after_decompression_is_refused(server):
    request = messages.ModelInferRequest(model_name="double", raw_input_contents=[bytes(60_000_000)])
    worker = Path(f"/proc/{server.replica.workers()[0].pid}")
    (worker / "clear_refs").write_text("5")  # resets its peak memory
    before = peak_of(worker)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
        server.stub.ModelInfer(request, metadata=AUTH, compression=grpc.Compression.Gzip, timeout=60)
    assert peak_of(worker) < before + 30 * 1024


def test_compressed_messages_are_read(server):
    answer = server.triton.infer(
        "double", [triton_input("x", np.ones((5000, 4), np.float32))], headers=HEADERS, compression_algorithm="gzip"
    )
    assert answer.as_numpy("y").sum() == 40_000


def test_long_ids_and_error_messages_are_handled(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "100 characters"):
        server.ask(tensor(), metadata=(*AUTH, ("x-request-id", "i" * 101)))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no input 'üüüü"):
        server.ask(tensor("ü" * 20_000))


def test_connections_beyond_the_limit_do_not_affect_open_ones(replica):
    rpc = started(replica.with_models(double=double_model), processes=1, connections_limit=16)
    assert rpc.ask(tensor()).model_name == "double"
    flood = [socket.create_connection(("127.0.0.1", rpc.port)) for _ in range(40)]
    worker = replica.workers()[0]
    replica.until(lambda: len([one for one in worker.net_connections("tcp") if one.status == "ESTABLISHED"]) <= 17)
    assert rpc.ask(tensor()).model_name == "double"
    for one in flood:
        one.close()
    rpc.close()
