"""The Open Inference Protocol over gRPC: the answers of HTTP, its refusals, its queue, and its manners at the end."""

import base64
import queue
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import numpy as np
import orjson
import psutil
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto, helper
from onnxruntime.datasets import get_example
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import np_to_triton_dtype

from tests.scoring.conftest import KEY, KINDS, SECOND_KEY, Replica, double_model, free_port, save, sum_model
from tests.scoring.test_batching import TABLE, heavy_model

AUTH = (("authorization", f"Bearer {KEY}"),)
HEADERS = dict(AUTH)
INFER = "/inference.GRPCInferenceService/ModelInfer"
ROW = np.array([[1, 2, 3, 4]], np.float32)
SIDE = 128  # of the matrices that the lasting model multiplies
LONG = 10_000  # half a second or more
LARGE = 150_000  # values of a request that is not worked on at once, however quick the model
CONTENTS = {
    "BOOL": ("bool_contents", [True, False]),
    "UINT8": ("uint_contents", [0, 255]),
    "UINT16": ("uint_contents", [0, 65535]),
    "UINT32": ("uint_contents", [0, 2**32 - 1]),
    "UINT64": ("uint64_contents", [0, 2**64 - 1]),
    "INT8": ("int_contents", [-128, 127]),
    "INT16": ("int_contents", [-32768, 32767]),
    "INT32": ("int_contents", [-(2**31), 2**31 - 1]),
    "INT64": ("int64_contents", [-(2**63), 2**63 - 1]),
    "FP32": ("fp32_contents", [1.5, -0.25]),
    "FP64": ("fp64_contents", [1e300, 0.1]),
    "BYTES": ("bytes_contents", ["grün".encode(), b""]),
}


def iris_model(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(get_example("logreg_iris.onnx")).read_bytes())


def same_model(*kinds):
    """Gives each of these datatypes back as it came."""

    def make(path):
        told = {
            side: [helper.make_tensor_value_info(f"{side}_{kind}", KINDS[kind], ["n"]) for kind in kinds]
            for side in ("in", "out")
        }
        nodes = [helper.make_node("Identity", [f"in_{kind}"], [f"out_{kind}"]) for kind in kinds]
        return save(path, nodes, told["in"], told["out"])

    return make


def halves_model(path):
    """FP32 as FP16."""
    given = helper.make_tensor_value_info("in_FP32", TensorProto.FLOAT, ["n"])
    half = helper.make_tensor_value_info("half", TensorProto.FLOAT16, ["n"])
    return save(path, [helper.make_node("Cast", ["in_FP32"], ["half"], to=TensorProto.FLOAT16)], [given], [half])


def lasting_model(path):
    """y = x, after work that lasts some 50 µs for each of `times`, and 5 ms at least."""
    eye = helper.make_tensor("eye", TensorProto.FLOAT, [SIDE, SIDE], np.eye(SIDE).ravel())
    least = helper.make_tensor("least", TensorProto.INT64, [], [100])
    seed = helper.make_tensor("seed", TensorProto.FLOAT, [SIDE, SIDE], np.zeros(SIDE * SIDE))
    state, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIDE, SIDE]) for name in ("state", "state_out")
    )
    turn = helper.make_tensor_value_info("turn", TensorProto.INT64, [])
    go, go_out = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "go_out"))
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "eye"], ["state_out"]), helper.make_node("Identity", ["go"], ["go_out"])],
        "body", [turn, go, state], [go_out, out], initializer=[eye],
    )  # fmt: skip
    nodes = [
        helper.make_node("Squeeze", ["times"], ["asked"]),
        helper.make_node("Add", ["asked", "least"], ["turns"]),
        helper.make_node("Loop", ["turns", "", "seed"], ["worked"], body=body),
        helper.make_node("ReduceSum", ["worked"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    times = helper.make_tensor_value_info("times", TensorProto.INT64, [1])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y"))
    return save(path, nodes, [times, x], [y], [least, seed])


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

    def last(self, times: int, metadata=AUTH, timeout: float = 20, value: float = 1.0) -> grpc.Future:
        """Ask the lasting model; does not wait for its answer."""
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


@pytest.fixture(scope="module")
def server(shared_replica):
    models = {
        "double": double_model, "sum": sum_model, "kinds": same_model(*KINDS), "typed": same_model(*CONTENTS),
        "halves": halves_model, "iris": iris_model,
    }  # fmt: skip
    rpc = started(shared_replica.with_models(**models), max_body_bytes=4_000_000)
    yield rpc
    rpc.close()


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


def tensor(name="x", shape=(1, 4), datatype="FP32", contents="fp32_contents", data=(1, 2, 3, 4)):
    return messages.ModelInferRequest.InferInputTensor(
        name=name, shape=list(shape), datatype=datatype, contents={contents: list(data)} if contents else None
    )


def triton_input(name, array, datatype=None):
    made = triton.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array)
    return made


def peak_of(process: Path) -> int:
    """The most memory that it has had, in KiB."""
    return next(int(line.split()[1]) for line in (process / "status").read_text().splitlines() if "VmHWM" in line)


@contextmanager
def refused(code: grpc.StatusCode, *words: str):
    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    assert caught.value.code() is code, caught.value
    for word in words:
        assert word in caught.value.details()


# -- what the service says of itself


def test_health_needs_no_key(server):
    assert server.triton.is_server_live()
    assert server.triton.is_server_ready()


def test_the_service_and_its_models_are_described_as_over_http(server):
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


def test_each_model_is_counted_by_itself_whatever_the_protocol(server):
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


def test_a_model_that_is_not_here_is_not_ready(server):
    assert server.triton.is_model_ready("double", headers=HEADERS)
    assert server.triton.is_model_ready("double", "1", headers=HEADERS)
    assert not server.triton.is_model_ready("double", "2", headers=HEADERS)
    assert not server.triton.is_model_ready("triple", headers=HEADERS)


def test_what_there_is_not_is_said_to_be_unimplemented(server):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        server.stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="double"), metadata=AUTH)


# -- predictions


def test_tritons_client_gets_its_prediction(server):
    answer = server.triton.infer("double", [triton_input("x", ROW)], headers=HEADERS, request_id="seven")
    assert np.array_equal(answer.as_numpy("y"), ROW * 2)
    told = answer.get_response()
    assert (told.model_name, told.model_version, told.id) == ("double", "1", "seven")


def test_typed_contents_are_answered_in_typed_contents(server):
    answer = server.ask(tensor(), id="eight")
    assert list(answer.outputs[0].contents.fp32_contents) == [2, 4, 6, 8]
    assert (answer.id, list(answer.outputs[0].shape), list(answer.raw_output_contents)) == ("eight", [1, 4], [])


def test_every_datatype_comes_back_as_typed_contents(server):
    inputs = [tensor(f"in_{name}", [2], name, place, values) for name, (place, values) in CONTENTS.items()]
    answer = server.ask(*inputs, model="typed")
    told = {one.datatype: (one.name, list(getattr(one.contents, CONTENTS[one.datatype][0]))) for one in answer.outputs}
    assert told == {name: (f"out_{name}", values) for name, (_, values) in CONTENTS.items()}


def test_every_datatype_comes_back_as_raw_bytes(server):
    sent = {
        name: np.array(values, helper.tensor_dtype_to_np_dtype(KINDS[name])) for name, (_, values) in CONTENTS.items()
    }
    sent |= {"FP16": np.array([0.5, -2], np.float16), "BYTES": np.array(["grün", ""], np.object_)}
    inputs = [triton_input(f"in_{name}", array, name) for name, array in sent.items()]
    answer = server.triton.infer("kinds", inputs, headers=HEADERS)
    for name, array in sent.items():
        got = answer.as_numpy(f"out_{name}")
        wanted = np.array(["grün".encode(), b""], np.object_) if name == "BYTES" else array
        assert (got.dtype, got.tolist()) == (wanted.dtype, wanted.tolist())


def test_contents_that_hold_nothing_may_stand_beside_raw_bytes(server):
    """As MLServer's converters write them."""
    answer = server.ask(tensor(data=[]), raw=[ROW.tobytes()])
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [2, 4, 6, 8]


def test_half_floats_have_raw_bytes_only(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FP16 has no typed contents", "raw_input_contents"):
        server.ask(tensor("in_FP16", [1], "FP16", data=[0.5]), model="kinds")
    told = server.ask(tensor("in_FP32", [1], data=[0.5]), model="halves")
    assert told.outputs[0].datatype == "FP16"
    assert list(told.raw_output_contents) == [np.array([0.5], np.float16).tobytes()]


def test_only_the_outputs_that_are_asked_for_come_in_their_order(server):
    a, b = (tensor(name, [2], data=values) for name, values in (("a", [5, 7]), ("b", [1, 2])))
    answer = server.ask(a, b, model="sum", outputs=["difference", "total"])
    assert [(one.name, list(one.contents.fp32_contents)) for one in answer.outputs] == [
        ("difference", [4, 5]), ("total", [6, 9])
    ]  # fmt: skip
    assert [one.name for one in server.ask(a, b, model="sum", outputs=["total"]).outputs] == ["total"]


def test_classes_come_as_a_matrix_and_its_keys(server):
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    answer = server.triton.infer("iris", [triton_input("float_input", rows)], headers=HEADERS)
    sent = {"name": "float_input", "shape": [3, 2], "datatype": "FP32", "data": rows.ravel().tolist()}
    shown = server.replica.score({"inputs": [sent]}, "/v2/models/iris/infer").json()["outputs"][1]
    told = answer.get_output("probabilities")
    assert orjson.loads(told.parameters["keys"].string_param) == shown["parameters"]["keys"]
    np.testing.assert_allclose(answer.as_numpy("probabilities").ravel(), shown["data"], rtol=1e-6)


def test_a_large_tensor_is_read_exactly(server):
    values = np.random.default_rng(1).normal(size=(60_000, 4)).astype(np.float32)
    answer = server.triton.infer("double", [triton_input("x", values)], headers=HEADERS)
    assert np.array_equal(answer.as_numpy("y"), values * 2)
    typed = server.ask(tensor(shape=values.shape, data=values.ravel().tolist()))
    assert np.array_equal(np.array(typed.outputs[0].contents.fp32_contents, np.float32), values.ravel() * 2)


def test_no_rows_are_answered_with_no_rows(server):
    answer = server.triton.infer("double", [triton_input("x", np.zeros((0, 4), np.float32))], headers=HEADERS)
    assert answer.as_numpy("y").shape == (0, 4)


def test_the_clients_request_id_comes_back_among_the_trailers(server):
    request = messages.ModelInferRequest(model_name="double", inputs=[tensor()])
    _, call = server.stub.ModelInfer.with_call(request, metadata=(*AUTH, ("x-request-id", "my-own-7")))
    assert dict(call.trailing_metadata())["x-request-id"] == "my-own-7"
    ids = {dict(server.stub.ModelInfer.with_call(request, metadata=AUTH)[1].trailing_metadata())["x-request-id"]}
    ids.add(dict(server.stub.ModelInfer.with_call(request, metadata=AUTH)[1].trailing_metadata())["x-request-id"])
    assert len(ids) == 2
    assert all(len(one) == 36 for one in ids)


# -- what is refused


def x(**more):
    return {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]} | more


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        ("double", [], []),
        ("double", [x(name="z")], []),
        ("double", [x(), x()], []),
        ("double", [x(datatype="FP64")], []),
        ("double", [x(datatype="")], []),
        ("double", [x(shape=[1, 5], data=[1] * 5)], []),
        ("double", [x(shape=[4])], []),
        ("double", [x(shape=[])], []),
        ("double", [x(shape=[-1, 4])], []),
        ("double", [x()], ["z"]),
        ("sum", [x(name="a", shape=[1], data=[1])], []),
        ("triple", [x()], []),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_sentence_of_http(server, model, inputs, outputs):
    body = {"inputs": inputs, "outputs": [{"name": name} for name in outputs]}
    shown = server.replica.score(body, f"/v2/models/{model}/infer")
    code = {400: grpc.StatusCode.INVALID_ARGUMENT, 404: grpc.StatusCode.NOT_FOUND}[shown.status_code]
    sent = [tensor(one["name"], one["shape"], one["datatype"], data=one["data"]) for one in inputs]
    with refused(code) as caught:
        server.ask(*sent, model=model, outputs=outputs)
    assert caught.value.details() == shown.json()["error"]


@pytest.mark.parametrize(
    ("inputs", "raw", "words"),
    [
        ([tensor(data=[1, 2, 3])], [], ("3 values in fp32_contents", "needs 4")),
        ([tensor(contents="fp64_contents")], [], ("0 values in fp32_contents",)),
        ([tensor(contents=None)], [], ("0 values in fp32_contents",)),
        ([tensor(contents=None)], [ROW.tobytes()[:-1]], ("raw_input_contents of size 15", "needs 16")),
        ([tensor(contents=None)], [ROW.tobytes(), b""], ("2 raw_input_contents and 1 inputs",)),
        ([tensor()], [ROW.tobytes()], ("both contents and raw_input_contents",)),
        ([tensor(shape=[2**62, 4], contents=None)], [ROW.tobytes()], ("needs",)),
    ],
)
def test_tensors_whose_values_do_not_fit_are_refused_in_plain_words(server, inputs, raw, words):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "input", *words):
        server.ask(*inputs, raw=raw)


@pytest.mark.parametrize(("kind", "value"), [("INT8", 128), ("INT16", -32769), ("UINT8", 256), ("UINT16", 65536)])
def test_a_value_outside_its_datatype_is_refused(server, kind, value):
    sent = [
        tensor(f"in_{name}", [1], name, place, [value if name == kind else values[0]])
        for name, (place, values) in CONTENTS.items()
    ]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, f"in_{kind}", "does not fit"):
        server.ask(*sent, model="typed")


def test_bytes_that_are_no_text_are_refused(server):
    others = [
        tensor(f"in_{name}", [1], name, place, values[:1])
        for name, (place, values) in CONTENTS.items()
        if name != "BYTES"
    ]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "not UTF-8"):
        server.ask(*others, tensor("in_BYTES", [1], "BYTES", "bytes_contents", [b"\xff"]), model="typed")


def test_shared_memory_is_refused_by_name(server):
    sent = tensor(contents=None)
    sent.parameters["shared_memory_region"].string_param = "mine"
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no shared_memory_region"):
        server.ask(sent)


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_refused(server, body):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no InferHead"):
        server.channel.unary_unary(INFER)(body, metadata=AUTH, timeout=20)


def test_a_call_without_a_message_is_refused(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no message"):
        server.channel.stream_unary(INFER)(iter(()), metadata=AUTH, timeout=20)


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer wrong"),), (("authorization", KEY),), (("authorization", "Bearer "),)],
)
def test_strangers_are_turned_away(server, metadata):
    before = server.codes()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        server.ask(tensor(), metadata=metadata)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        server.stub.ModelMetadata(messages.ModelMetadataRequest(name="double"), metadata=metadata)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "key"):
        next(server.stub.ModelStreamInfer(iter([messages.ModelInferRequest()]), metadata=metadata, timeout=20))
    assert sum((server.codes() - before).values()) == 2


def test_a_strangers_large_message_is_refused_before_it_is_sent(server):
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


def test_a_message_over_the_limit_is_refused(server):
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger"):
        server.ask(tensor(contents=None), raw=[bytes(4_000_001)])
    assert server.ask(tensor()).model_name == "double"


def test_a_message_that_grows_over_the_limit_by_unpacking_is_refused(server):
    request = messages.ModelInferRequest(model_name="double", raw_input_contents=[bytes(60_000_000)])
    worker = Path(f"/proc/{server.replica.workers()[0].pid}")
    (worker / "clear_refs").write_text("5")  # the peak of its memory begins anew
    before = peak_of(worker)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
        server.stub.ModelInfer(request, metadata=AUTH, compression=grpc.Compression.Gzip, timeout=60)
    assert peak_of(worker) < before + 30 * 1024


def test_compressed_messages_are_read(server):
    answer = server.triton.infer(
        "double", [triton_input("x", np.ones((5000, 4), np.float32))], headers=HEADERS, compression_algorithm="gzip"
    )
    assert answer.as_numpy("y").sum() == 40_000


def test_a_long_id_and_a_long_sentence_are_survived(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "100 characters"):
        server.ask(tensor(), metadata=(*AUTH, ("x-request-id", "i" * 101)))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no input 'üüüü"):
        server.ask(tensor("ü" * 20_000))


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


def test_calls_are_logged_and_collected_where_that_is_wanted(replica):
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


# -- streams


def test_a_stream_answers_every_message_in_order_and_goes_on_after_an_error(server):
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


def test_tritons_client_streams(server):
    got = queue.Queue()
    server.triton.start_stream(lambda result, error: got.put((result, error)), headers=HEADERS)
    for number in range(20):
        server.triton.async_stream_infer("double", [triton_input("x", ROW * number)], request_id=str(number))
    answers = [got.get(timeout=20) for _ in range(20)]
    server.triton.stop_stream()
    assert [error for _, error in answers] == [None] * 20
    assert [result.get_response().id for result, _ in answers] == [str(number) for number in range(20)]
    assert all(np.array_equal(result.as_numpy("y"), ROW * 2 * n) for n, (result, _) in enumerate(answers))


def test_many_clients_at_once_each_get_their_own(server):
    def ask(number: int) -> bool:
        answer = server.triton.infer("double", [triton_input("x", ROW * number)], headers=HEADERS)
        return np.array_equal(answer.as_numpy("y"), ROW * 2 * number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


# -- the queue


def test_what_has_not_begun_when_its_client_leaves_is_not_run(lasting):
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


def test_more_than_the_queue_holds_is_unavailable_and_says_when_to_come_again(lasting):
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


def test_a_run_beyond_the_timeout_is_told_as_such(lasting):
    rpc = lasting(scoring_timeout_seconds=0.3)
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED, "scoring timeout of 0.3 s"):
        rpc.last(3 * LONG).result()
    assert rpc.last(0).result().outputs[0].name == "y"


def test_http_and_grpc_wait_in_the_same_queue(lasting):
    rpc = lasting()
    running = rpc.last(LONG)
    time.sleep(0.2)
    tensors = [x(name="times", shape=[1], datatype="INT64", data=[0]), x(shape=[1], data=[3])]
    began = time.monotonic()
    shown = rpc.replica.score({"inputs": tensors}, "/v2/models/lasting/infer")
    assert shown.json()["outputs"][0]["data"] == [3.0]
    assert running.done() or time.monotonic() - began > 0.1
    assert running.result().outputs[0].name == "y"


def test_requests_of_both_protocols_share_runs_and_each_gets_its_own(replica):
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


# -- start and end


def test_stopping_answers_what_was_asked_and_ends_silent_streams(lasting):
    rpc = lasting()
    open_stream = rpc.stub.ModelStreamInfer(iter(queue.Queue().get, None), metadata=AUTH)
    calls = [rpc.last(LONG // 4, value=number) for number in range(3)]
    time.sleep(0.15)
    began = time.monotonic()
    assert rpc.replica.stop() == 0
    assert time.monotonic() - began < 5
    assert [list(call.result().outputs[0].contents.fp32_contents) for call in calls] == [[0], [1], [2]]
    with pytest.raises(grpc.RpcError):
        next(open_stream)


def test_clients_that_keep_asking_lose_nothing_when_it_stops(replica):
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


def test_a_flood_of_connections_leaves_those_that_are_there(replica):
    rpc = started(replica.with_models(double=double_model), processes=1, connections_limit=16)
    assert rpc.ask(tensor()).model_name == "double"
    flood = [socket.create_connection(("127.0.0.1", rpc.port)) for _ in range(40)]
    worker = replica.workers()[0]
    replica.until(lambda: len([one for one in worker.net_connections("tcp") if one.status == "ESTABLISHED"]) <= 17)
    assert rpc.ask(tensor()).model_name == "double"
    for one in flood:
        one.close()
    rpc.close()


def test_two_processes_share_the_port_and_one_goes_on_alone(replica):
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
    ask_all()
    replica.until(lambda: replica.status().get("restarts") == 1)
    ask_all()
    for one in channels:
        one.close()
    rpc.close()


def test_a_taken_port_is_reported(replica):
    with socket.create_server(("127.0.0.1", 0)) as other:
        failure = replica.with_models(double=double_model).fail_to_start(grpc_port=other.getsockname()[1])
    assert failure["reason"] == "port_taken"
    assert "taken by another program" in failure["message"]


def test_two_replicas_do_not_share_a_grpc_port_by_accident(replica, tmp_path):
    rpc = started(replica.with_models(double=double_model))
    second = Replica(tmp_path / "second").with_models(double=double_model)
    failure = second.fail_to_start(grpc_port=rpc.port)
    second.close()
    assert failure["reason"] == "port_taken"
    assert str(rpc.port) in failure["message"]
    assert rpc.ask(tensor()).model_name == "double"
    rpc.close()


def test_two_revisions_overlap_on_a_port_when_both_say_so(replica, tmp_path):
    rpc = started(replica.with_models(double=double_model), share_port=True)
    second = Replica(tmp_path / "second").with_models(double=double_model)
    second.start(grpc_port=rpc.port, share_port=True)
    assert replica.stop() == 0
    assert rpc.ask(tensor()).model_name == "double"
    second.close()
    rpc.close()


def test_an_entry_script_is_not_served_over_grpc(replica):
    script = "def init():\n    pass\ndef run(data):\n    return data\n"
    failure = replica.with_script(script).fail_to_start(grpc_port=free_port())
    assert "models without code" in failure["message"]


def test_a_memory_limit_leaves_room_for_the_threads_of_grpc(replica):
    rpc = started(replica.with_models(double=double_model), processes=1, memory_bytes=200 * 1024 * 1024)
    assert rpc.triton.infer("double", [triton_input("x", ROW)], headers=HEADERS).as_numpy("y").tolist() == [
        [2, 4, 6, 8]
    ]
    rpc.close()


def test_missing_libraries_are_named(replica, tmp_path, monkeypatch):
    (tmp_path / "grpc.py").write_text("raise ImportError('grpcio is not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    failure = replica.with_models(double=double_model).fail_to_start(grpc_port=free_port())
    assert failure["reason"] == "import_missing"
    assert "grpcio and protobuf" in failure["message"]
    assert "grpcio is not here" in failure["message"]


def test_a_service_without_grpc_loads_none_of_it(replica):
    replica.with_models(double=double_model).start()
    for worker in replica.workers():
        mapped = " ".join(one.path for one in worker.memory_maps())
        assert "onnxruntime" in mapped
        assert "cygrpc" not in mapped
        assert "google" not in mapped
