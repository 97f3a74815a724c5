"""A replica that listens at unix sockets: what runs without a network is reached that way."""

import socket
import stat
from contextlib import contextmanager

import grpc
import httpx
import psutil
import pytest

from scoring.rpc.messages import PACKAGE
from tests.scoring.conftest import KEY, double_model


@contextmanager
def client_at(path):
    transport = httpx.HTTPTransport(uds=str(path))
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(transport=transport, base_url="http://localhost", headers=headers) as made:
        yield made


@pytest.fixture
def started(replica):
    path = replica.folder / "score.sock"
    replica.with_models(double=double_model).start(socket=str(path), processes=2)
    return path


def score(client):
    return client.post("/score", json={"data": [[1, 2, 3, 4]]})


def test_requests_are_answered_at_the_socket_alone(replica, started):
    with client_at(started) as client:
        assert score(client).status_code == 200
        assert client.get("/").text == "Healthy"
    listening = [
        one
        for process in [psutil.Process(replica.process.pid), *psutil.Process(replica.process.pid).children(True)]
        for one in process.net_connections("tcp")
    ]
    assert listening == []


def test_only_the_owner_may_connect(started):
    assert stat.S_IMODE(started.stat().st_mode) == 0o600


def test_key_is_asked_for_at_the_socket_too(started):
    with client_at(started) as client:
        assert client.post("/score", json={}, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_socket_that_the_replica_before_has_left_is_replaced(replica):
    path = replica.folder / "score.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    replica.with_models(double=double_model).start(socket=str(path))
    with client_at(path) as client:
        assert score(client).status_code == 200


def test_replica_answers_what_was_asked_before_it_ends(replica, started):
    with client_at(started) as client:
        assert score(client).status_code == 200
    assert replica.stop() == 0


def test_folder_that_cannot_be_written_to_is_named(replica, tmp_path):
    failure = replica.with_models(double=double_model).fail_to_start(socket=str(tmp_path / "none" / "score.sock"))
    assert failure["reason"] == "internal"
    assert f"{tmp_path}/none/score.sock" in failure["message"]


def test_grpc_at_a_socket_of_its_own(replica):
    http, rpc = replica.folder / "score.sock", replica.folder / "grpc.sock"
    replica.with_models(double=double_model).start(socket=str(http), grpc_socket=str(rpc), processes=2)
    with grpc.insecure_channel(f"unix:{rpc}") as channel:
        ask = channel.unary_unary(f"/{PACKAGE}.GRPCInferenceService/ServerLive")
        assert ask(b"", timeout=5) == b"\x08\x01"  # field 1, true
