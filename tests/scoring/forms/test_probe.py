"""Health checks by a prediction."""

import pytest
from onnx import TensorProto, helper

from tests.scoring.conftest import double_model, request_bytes, save


def picky_model(path):
    """Looks a row up in a table of one, by an index that must not be 0."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [1], [7.0])
    one = helper.make_tensor("one", TensorProto.INT64, [1], [-5])
    nodes = [helper.make_node("Add", ["x", "one"], ["at"]), helper.make_node("Gather", ["table", "at"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.INT64, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    return save(path, nodes, [x], [y], [table, one])


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model, picky=picky_model).start()


def test_probe_predicts_and_is_counted_as_a_request(server):
    answer = server.client.get("/v2/models/double/probe")

    assert (answer.status_code, answer.json()) == (200, {"name": "double", "version": "1", "predicted": True})
    assert server.client.get("/v2/models/double/stats").json()["model_stats"][0]["inference_count"] == 1


def test_probe_of_a_failing_model_fails_with_the_reason(server):
    answer = server.client.get("/v2/models/picky/probe")

    assert answer.status_code in {400, 500}
    assert "model" in answer.json()["error"]


def test_probe_needs_the_key_and_a_model(server):
    assert server.client.get("/v2/models/double/probe", headers={"Authorization": ""}).status_code == 401
    assert server.client.get("/v2/models/other/probe").status_code == 404
    assert server.client.post("/v2/models/double/probe").status_code == 405


def test_probe_refuses_head_requests(server):
    """It would predict all the same; and an answer with a body would be taken for the next one."""
    with server.connect() as line:
        line.sendall(request_bytes(b"", "/v2/models/double/probe", method="HEAD"))
        line.sendall(request_bytes(b"", "/v2/models/double/probe", "Connection: close", method="GET"))
        with line.makefile("rb") as file:
            refused, _, predicted = file.read().partition(b"\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 405")
    assert predicted.startswith(b"HTTP/1.1 200")
