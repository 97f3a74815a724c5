"""KServe's Python clients: REST in both versions of its protocol, and gRPC."""

import pytest

from tests.scoring.clients import told_to
from tests.scoring.conftest import KINDS, double_model, free_port, kinds_model, sum_model


@pytest.fixture(scope="module")
def told(shared_replica):
    port = free_port()
    shared_replica.with_models(double=double_model, sum=sum_model, kinds=kinds_model).start(grpc_port=port)
    return told_to("kserve", shared_replica, port)


TOTAL = ["FP32", [2], [11.0, 22.0]]
DIFFERENCE = ["FP32", [2], [-9.0, -18.0]]


@pytest.mark.parametrize("way", ["v2", "grpc"])
def test_the_server_and_its_models_are_found_ready(told, way):
    asked = ("live", "ready", "model ready", "other ready")
    assert [told[way][one] for one in asked] == [True, True, True, False]


def test_json_tensors_are_answered(told):
    assert told["v2"]["json"]["outputs"] == {"total": TOTAL, "difference": DIFFERENCE}
    assert (told["v2"]["json"]["model"], told["v2"]["json"]["id"]) == ("sum", "a request")


def test_binary_tensors_are_answered(told):
    assert told["v2"]["binary"]["outputs"] == {"difference": DIFFERENCE}
    assert told["v2"]["binary answers"]["outputs"] == {"total": TOTAL, "difference": DIFFERENCE}


@pytest.mark.parametrize(("way", "form"), [("v2", "kinds"), ("v2", "binary kinds"), ("grpc", "raw kinds")])
def test_every_datatype_comes_back_as_it_was_sent(told, way, form):
    assert told[way][form] == list(KINDS)


def test_grpc_tensors_are_answered(told):
    answer = told["grpc"]["typed"]
    assert answer == {
        "model": "sum", "version": "1", "id": "a request", "outputs": {"total": TOTAL, "difference": DIFFERENCE}
    }  # fmt: skip
    assert told["grpc"]["one output"]["outputs"] == {"total": TOTAL}


def test_version_1_predicts_by_rows(told):
    assert told["v1"]["model ready"] is True
    assert told["v1"]["predictions"] == {"predictions": [[2.0, 4.0, 6.0, 8.0], [10.0, 12.0, 14.0, 16.0]]}
    assert told["v1"]["by name"] == {"predictions": [{"total": 3.0, "difference": -1.0}]}


@pytest.mark.parametrize(
    ("way", "asked", "kind", "code", "words"),
    [
        ("v2", "wrong input", "HTTPStatusError", 400, "no input 'z'"),
        ("v2", "wrong shape", "HTTPStatusError", 400, "'n' is 3 in a and 2 in b"),
        ("v2", "unknown model", "HTTPStatusError", 404, "no model other"),
        ("v2", "wrong key", "HTTPStatusError", 401, "not one of this service's keys"),
        ("v1", "other ready", "HTTPStatusError", 404, "no model other"),
        ("v1", "no instances", "HTTPStatusError", 400, '"instances"'),
        ("v1", "unknown model", "HTTPStatusError", 404, "no model other"),
        ("grpc", "wrong shape", "AioRpcError", "INVALID_ARGUMENT", "'n' is 3 in a and 2 in b"),
        ("grpc", "unknown model", "AioRpcError", "NOT_FOUND", "no model other"),
        ("grpc", "wrong key", "AioRpcError", "UNAUTHENTICATED", "not one of this service's keys"),
    ],
)
def test_a_refusal_reaches_the_caller_in_plain_words(told, way, asked, kind, code, words):
    assert told[way][asked][:2] == [kind, code]
    assert words in told[way][asked][2]
