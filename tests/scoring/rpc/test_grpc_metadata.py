"""Metadata, counters and logs of gRPC calls equal those of HTTP."""

import base64

import grpc
import orjson
import pytest
from tritonclient.grpc import service_pb2 as messages

from tests.scoring.conftest import SECOND_KEY, double_model
from tests.scoring.rpc_client import AUTH, HEADERS, refused, served, started, tensor, x


@pytest.fixture(scope="module")
def server(shared_replica):
    with served(shared_replica) as rpc:
        yield rpc


def test_health_needs_no_key(server):
    assert server.triton.is_server_live()
    assert server.triton.is_server_ready()


def test_metadata_equals_that_of_http(server):
    told = server.triton.get_server_metadata(headers=HEADERS, as_json=True)
    assert told == server.replica.client.get("/v2").json()
    told = server.triton.get_model_metadata("sum", headers=HEADERS)
    shown = server.replica.client.get("/v2/models/sum").json()
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [
        (one["name"], one["datatype"], one["shape"]) for one in shown["inputs"]
    ]
    assert [one.name for one in told.outputs] == ["total", "difference"]
    assert (told.name, list(told.versions), told.platform) == ("sum", ["1"], shown["platform"])
    config = server.triton.get_model_config("kinds", headers=HEADERS).config
    assert (config.input[-1].name, config.input[-1].data_type, list(config.input[-1].dims)) == ("in_BYTES", 13, [-1])
    index = server.triton.get_model_repository_index(headers=HEADERS)
    assert [(one.name, one.version, one.state) for one in index.models][:2] == [
        ("double", "1", "READY"),
        ("sum", "1", "READY"),
    ]


def test_models_are_counted_separately_over_both_protocols(server):
    def counted(name: str) -> tuple[int, int, int]:
        [told] = server.triton.get_inference_statistics(name, headers=HEADERS).model_stats
        [shown] = server.replica.client.get(f"/v2/models/{name}/stats").json()["model_stats"]
        stats = told.inference_stats
        assert (told.inference_count, stats.success.count) == (
            shown["inference_count"],
            shown["inference_stats"]["success"]["count"],
        )
        return told.inference_count, stats.success.count, stats.fail.count

    before, other = counted("double"), counted("sum")
    server.ask(tensor())
    server.replica.score({"inputs": [x()]}, "/v2/models/double/infer")
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        server.ask(tensor("z"))
    assert [now - then for now, then in zip(counted("double"), before, strict=True)] == [2, 2, 1]
    assert counted("sum") == other
    told = server.triton.get_inference_statistics(headers=HEADERS).model_stats
    assert {one.name for one in told} == {"double", "sum", "kinds", "typed", "halves", "iris"}


def test_unknown_model_is_not_ready(server):
    assert server.triton.is_model_ready("double", headers=HEADERS)
    assert server.triton.is_model_ready("double", "1", headers=HEADERS)
    assert not server.triton.is_model_ready("double", "2", headers=HEADERS)
    assert not server.triton.is_model_ready("triple", headers=HEADERS)


def test_unknown_method_is_unimplemented(server):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        server.stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="double"), metadata=AUTH)


def test_request_id_is_echoed_in_trailers(server):
    request = messages.ModelInferRequest(model_name="double", inputs=[tensor()])
    _, call = server.stub.ModelInfer.with_call(request, metadata=(*AUTH, ("x-request-id", "my-own-7")))
    assert dict(call.trailing_metadata())["x-request-id"] == "my-own-7"
    ids = {dict(server.stub.ModelInfer.with_call(request, metadata=AUTH)[1].trailing_metadata())["x-request-id"]}
    ids.add(dict(server.stub.ModelInfer.with_call(request, metadata=AUTH)[1].trailing_metadata())["x-request-id"])
    assert len(ids) == 2
    assert all(len(one) == 36 for one in ids)


def test_calls_are_counted_as_over_http(server):
    before = server.codes()
    server.ask(tensor())
    server.ask(tensor(), metadata=(("authorization", f"Bearer {SECOND_KEY}"),))
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        server.ask(tensor("z"))
    with refused(grpc.StatusCode.UNAUTHENTICATED):
        server.ask(tensor(), metadata=())
    assert server.codes() - before == {
        'code="200",key="primary"}': 1, 'code="200",key="secondary"}': 1, 'code="400",key="primary"}': 1,
        'code="401",key="none"}': 1,
    }  # fmt: skip


def test_calls_are_logged_and_collected(replica):
    rpc = started(replica.with_models(double=double_model), access_log=True, collect={"seconds": 0.1})
    rpc.ask(tensor(), metadata=(*AUTH, ("x-request-id", "my-own-8")))
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        rpc.ask(tensor("z"))
    replica.until(lambda: replica.log().count("POST /inference.GRPCInferenceService/ModelInfer status=") == 2)
    files = replica.until(lambda: [one for one in (replica.folder / "collected").rglob("*") if one.suffix == ".jsonl"])
    rows = [orjson.loads(line) for one in files for line in one.read_bytes().splitlines()]
    assert [row["id"] for row in rows] == ["my-own-8"]
    asked = messages.ModelInferRequest.FromString(base64.b64decode(rows[0]["inputs_base64"]))
    assert list(asked.inputs[0].contents.fp32_contents) == [1, 2, 3, 4]
    rpc.close()
