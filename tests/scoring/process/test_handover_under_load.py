"""The address of a service moves from replica to replica while clients keep asking: none of their requests is lost."""

import json
import shutil
import socket
import sys
import threading
from collections import Counter

import grpc
import pytest
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.conftest import require
from tests.scoring.conftest import KEY, Replica, double_model, free_port, read_answers, request_bytes
from tests.scoring.process.shared_address import SharedAddress, leave, private, serve
from tests.scoring.rpc_client import AUTH, tensor
from tests.wrk import CONNECTIONS, Wrk

ROW = json.dumps({"data": [[1, 2, 3, 4]]})
TIMES = 5  # back and forth


def wrk(address: SharedAddress) -> Wrk:
    if shutil.which("wrk") is None:
        require("wrk", "it is not installed")
    return Wrk(address.folder, f"http://127.0.0.1:{address.port}/score", json.loads(ROW), KEY)


class Clients:
    """Threads that ask on connections of their own, kept until they are told to close them."""

    def __init__(self, address: SharedAddress) -> None:
        self._port = address.port
        self._stop = threading.Event()
        self._answered: Counter[int] = Counter()
        self._lost: list[object] = []
        self._threads = [threading.Thread(target=self._ask, args=[number]) for number in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> tuple[int, int]:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        return sum(self._answered.values()), len(self._lost)

    def _ask(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=20) as connection:
                    self._ask_until_told_to_close(connection, number)
            except Exception as error:
                self._lost.append(error)

    def _ask_until_told_to_close(self, connection: socket.socket, number: int) -> None:
        keep = True
        while keep and not self._stop.is_set():
            connection.sendall(request_bytes(ROW.encode()))
            ((status, headers, body),) = read_answers(connection)
            if status != 200 or json.loads(body) != {"data": [[2, 4, 6, 8]]}:
                self._lost.append((status, body))
            self._answered[number] += 1
            keep = headers.get("connection") != "close"


class RpcClients(Clients):
    """The same over gRPC."""

    def _ask(self, number: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        request = messages.ModelInferRequest(model_name="double", inputs=[tensor()])
        with grpc.insecure_channel(f"127.0.0.1:{self._port}", options) as channel:
            stub = GRPCInferenceServiceStub(channel)
            while not self._stop.is_set():
                try:
                    stub.ModelInfer(request, metadata=AUTH, timeout=20)
                    self._answered[number] += 1
                except grpc.RpcError as error:
                    self._lost.append(error)


def answered_by(replica: Replica) -> float:
    """How many requests a replica has answered, whatever the transport."""
    lines = private(replica, "/metrics", None).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("slipway_requests_total{"))


def move_back_and_forth(first: Replica, second: Replica) -> None:
    for previous, following in TIMES * [(first, second), (second, first)]:
        before = answered_by(following)
        serve(following)
        leave(previous)
        following.until(lambda replica=following, count=before: answered_by(replica) > count)


def tell(answered: int, lost: int) -> None:
    sys.stdout.write(f"{answered} requests answered, {lost} lost\n")


@pytest.mark.parametrize(
    "load",
    [wrk, Clients],
)
def test_no_request_is_lost_while_the_address_moves(address, load):
    first = address.replica().with_models(double=double_model).start()
    second = address.replica().with_models(double=double_model).start()
    serve(first)
    clients = load(address)
    try:
        move_back_and_forth(first, second)
    finally:
        answered, lost = clients.finish()
    tell(answered, lost)
    assert answered > CONNECTIONS
    assert lost == 0


def test_no_call_is_lost_while_the_grpc_port_moves(address):
    port = free_port()
    first = address.replica().with_models(double=double_model).start(grpc_port=port)
    second = address.replica().with_models(double=double_model).start(grpc_port=port)
    serve(first)
    address.port = port
    clients = RpcClients(address)
    try:
        move_back_and_forth(first, second)
    finally:
        answered, lost = clients.finish()
    tell(answered, lost)
    assert answered > CONNECTIONS
    assert lost == 0


def test_no_request_is_lost_when_the_previous_replica_is_stopped_after_the_address_has_moved(address):
    first = address.replica().with_models(double=double_model).start()
    second = address.replica().with_models(double=double_model).start()
    serve(first)
    clients = Clients(address)
    first.until(lambda: answered_by(first) > CONNECTIONS)
    serve(second)
    leave(first)
    assert first.stop() == 0
    third = address.replica().with_models(double=double_model).start()
    serve(third)
    leave(second)
    second.process.kill()
    before = answered_by(third)
    third.until(lambda: answered_by(third) > before + CONNECTIONS)
    answered, lost = clients.finish()
    tell(answered, lost)
    assert lost == 0
