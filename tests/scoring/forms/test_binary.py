"""Binary tensor data of the Open Inference Protocol: Triton's client, and invalid bodies made by hand."""

import json
import struct

import numpy as np
import pytest
import tritonclient.http as triton

from tests.scoring.conftest import KEY, KINDS, double_model, kinds_model, sum_model

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
VALUES = {
    "BOOL": np.array([True, False]),
    "FP16": np.array([0.5, -2.0], np.float16),
    "FP32": np.array([1.5, np.nan], np.float32),
    "FP64": np.array([1e300, np.inf]),
    "BYTES": np.array(["grün".encode(), b""], dtype=object),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
} | {name: np.array([0, 100], name.lower()) for name in ("UINT8", "UINT16", "UINT32", "INT8", "INT16", "INT32")}


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model, sum=sum_model, kinds=kinds_model).start()


@pytest.fixture(scope="module")
def client(server):
    made = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield made
    made.close()


def sent(name, datatype, values, *, binary=True):
    tensor = triton.InferInput(name, list(values.shape), datatype)
    return tensor.set_data_from_numpy(values, binary_data=binary)


def test_tritonclient_round_trips_every_datatype_in_binary(client):
    inputs = [sent(f"in_{kind}", kind, VALUES[kind]) for kind in KINDS]
    answer = client.infer("kinds", inputs, headers=AUTHORIZED, request_id="seven")
    assert answer.get_response()["id"] == "seven"
    for kind, values in VALUES.items():
        np.testing.assert_array_equal(answer.as_numpy(f"out_{kind}"), values)
        assert "data" not in answer.get_output(f"out_{kind}")


def test_tritonclient_chooses_json_or_binary_for_each_tensor(client):
    a, b = np.array([3, 4], np.float32), np.array([1, 1], np.float32)
    asked = [
        triton.InferRequestedOutput("difference", binary_data=False),
        triton.InferRequestedOutput("total", binary_data=True),
    ]
    inputs = [sent("a", "FP32", a, binary=False), sent("b", "FP32", b)]
    answer = client.infer("sum", inputs, outputs=asked, headers=AUTHORIZED)
    assert answer.get_output("difference")["data"] == [2.0, 3.0]
    assert answer.get_output("total")["parameters"] == {"binary_data_size": 8}
    np.testing.assert_array_equal(answer.as_numpy("total"), a + b)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"FP16"}))
def test_tritonclient_sends_json_and_gets_binary(client, kind):
    values = {name: VALUES[name] if np.dtype(VALUES[name].dtype).kind != "f" else np.ones(2, VALUES[name].dtype)
              for name in KINDS}  # fmt: skip
    inputs = [sent(f"in_{name}", name, values[name], binary=name != kind) for name in KINDS]
    asked = [triton.InferRequestedOutput(f"out_{kind}", binary_data=True)]
    answer = client.infer("kinds", inputs, outputs=asked, headers=AUTHORIZED)
    np.testing.assert_array_equal(answer.as_numpy(f"out_{kind}"), values[kind])


@pytest.mark.parametrize("rows", [0, 1, 30_000])
def test_binary_tensors_of_any_size_survive_a_round_trip(client, rows):
    values = np.random.default_rng(rows).normal(size=(rows, 4)).astype(np.float32)
    answer = client.infer("double", [sent("x", "FP32", values)], headers=AUTHORIZED)
    np.testing.assert_array_equal(answer.as_numpy("y"), values * 2)


def test_concurrent_binary_requests_get_their_own_responses(server):
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=8)
    rows = [np.full((1, 4), number, np.float32) for number in range(40)]
    waiting = [client.async_infer("double", [sent("x", "FP32", row)], headers=AUTHORIZED) for row in rows]
    for row, answer in zip(rows, waiting, strict=True):
        np.testing.assert_array_equal(answer.get_result().as_numpy("y"), row * 2)
    client.close()


def test_tritonclient_gets_the_reason_of_a_refusal(client):
    with pytest.raises(triton.InferenceServerException, match="datatype FP64, the model takes FP32"):
        client.infer("double", [sent("x", "FP64", np.ones((1, 4)))], headers=AUTHORIZED)
    with pytest.raises(triton.InferenceServerException, match="datatype FP16, the model takes FP32"):
        client.infer("double", [sent("x", "FP16", np.ones((1, 4), np.float16))], headers=AUTHORIZED)
    with pytest.raises(triton.InferenceServerException, match=r"shape \[1, 3\]"):
        client.infer("double", [sent("x", "FP32", np.ones((1, 3), np.float32))], headers=AUTHORIZED)


# -- bodies made by hand


def tensor(size=16, datatype="FP32", shape=(1, 4), name="x", **more):
    described = {"name": name, "shape": list(shape), "datatype": datatype, "parameters": {"binary_data_size": size}}
    return described | more


def post(server, head, tail=b"", length=None, model="double"):
    raw = head if isinstance(head, bytes) else json.dumps(head).encode()
    told = str(len(raw) if length is None else length).encode("latin-1")
    return server.score(
        raw + tail, f"/v2/models/{model}/infer", headers={"Inference-Header-Content-Length": told}
    )  # fmt: skip


def message_of(answer):
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


FOUR = np.array([1, 2, 3, 4], np.float32).tobytes()


@pytest.mark.parametrize("padding", range(8))
def test_binary_values_may_be_unaligned(server, padding):
    head = json.dumps({"inputs": [tensor()]}).encode() + b" " * padding
    assert post(server, head, FOUR).json()["outputs"][0]["data"] == [2.0, 4.0, 6.0, 8.0]


def test_response_is_json_unless_binary_is_requested(server):
    head = {"inputs": [tensor()]}
    assert post(server, head, FOUR).headers["content-type"] == "application/json"
    answer = post(server, head | {"parameters": {"binary_data_output": True}}, FOUR)
    length = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert json.loads(answer.content[:length])["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}
    ]
    assert np.frombuffer(answer.content[length:], np.float32).tolist() == [2.0, 4.0, 6.0, 8.0]


def test_binary_flag_of_an_output_overrides_that_of_the_request(server):
    outputs = [{"name": "y", "parameters": {"binary_data": False}}]
    answer = post(server, {"inputs": [tensor()], "outputs": outputs, "parameters": {"binary_data_output": True}}, FOUR)
    assert answer.json()["outputs"][0]["data"] == [2.0, 4.0, 6.0, 8.0]


def test_binary_tensors_carry_infinity_and_nan(server):
    values = np.array([[np.inf, -np.inf, np.nan, 1]], np.float32)
    head = {"inputs": [tensor()], "parameters": {"binary_data_output": True}}
    answer = post(server, head, values.tobytes())
    length = int(answer.headers["inference-header-content-length"])
    np.testing.assert_array_equal(np.frombuffer(answer.content[length:], np.float32), values.ravel() * 2)


@pytest.mark.parametrize("length", ["abc", "-5", "1.5", "", "0x10", "99999", "1, 1", "²", "9" * 5000])
def test_invalid_header_length_is_refused(server, length):
    told = message_of(post(server, {"inputs": [tensor()]}, FOUR, length=length))
    assert "Inference-Header-Content-Length" in told


@pytest.mark.parametrize("length", [0, 3, 60])
def test_header_length_that_cuts_the_json_is_refused(server, length):
    assert "not JSON" in message_of(post(server, {"inputs": [tensor()]}, FOUR, length=length))


@pytest.mark.parametrize(
    ("described", "tail", "words"),
    [
        (tensor(size=12), FOUR[:12], ("binary_data_size 12", "needs 16")),
        (tensor(size=20), FOUR + b"abcd", ("binary_data_size 20", "needs 16")),
        (tensor(size=16), FOUR[:12], ("12 bytes are left",)),
        (tensor(size=16), FOUR + b"x", ("1 bytes follow",)),
        (tensor(size=-16), FOUR, ("-16", "no number of bytes")),
        (tensor(size="16"), FOUR, ("'16'", "no number of bytes")),
        (tensor(size=16.0), FOUR, ("no number of bytes",)),
        (tensor(size=True), b"1", ("no number of bytes",)),
        (tensor(size=2**70), FOUR, ("bytes are left",)),
        (tensor(data=[1, 2, 3, 4]), FOUR, ("both",)),
        (tensor(shape=(2**40, 4)), FOUR, ("needs",)),
        (tensor(shape=(2**62, 4)), FOUR, ("no tensor can have",)),
        (tensor(shape=(-1, 4)), FOUR, ("shape [-1, 4]",)),
        (tensor(name="z"), FOUR, ("no input 'z'",)),
        (tensor(datatype="BF16", size=8), FOUR[:8], ("BF16", "FP32")),
        (tensor(datatype="FP16", size=8), FOUR[:8], ("FP16", "FP32")),
        ({"name": "x", "shape": [1, 4], "datatype": "FP32"}, FOUR, ("16 bytes follow",)),
        ({"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": [16]}, FOUR, ("parameters",)),
    ],
)
def test_invalid_binary_tensor_is_refused_with_the_reason(server, described, tail, words):
    told = message_of(post(server, {"inputs": [described]}, tail))
    for word in words:
        assert word in told


def test_tensors_that_need_more_bytes_than_sent_are_refused(server):
    a, b = (tensor(size=8, shape=(2,), name=name) for name in "ab")
    assert "input 'b'" in message_of(post(server, {"inputs": [a, b]}, FOUR[:8], model="sum"))
    assert post(server, {"inputs": [a, b]}, FOUR, model="sum").status_code == 200


def test_binary_without_header_length_is_refused(server):
    answer = server.score({"inputs": [tensor()]}, "/v2/models/double/infer")
    assert "Inference-Header-Content-Length" in message_of(answer)


@pytest.mark.parametrize(
    ("tail", "word"),
    [
        (struct.pack("<I", 3) + b"ab", "more than there are"),
        (struct.pack("<I", 1) + b"a", "1 elements"),
        (struct.pack("<I", 1) + b"a" + struct.pack("<I", 0) * 2, "3 elements"),
        (struct.pack("<I", 0) + b"\x01\x00", "lacks its length"),
        (struct.pack("<I", 2) + b"\xff\xfe" + struct.pack("<I", 0), "not UTF-8"),
        (struct.pack("<I", 2**32 - 1) + b"a", "more than there are"),
    ],
)
def test_invalid_binary_texts_are_refused(server, tail, word):
    texts = tensor(name="in_BYTES", datatype="BYTES", shape=(2,), size=len(tail))
    assert word in message_of(post(server, {"inputs": [texts]}, tail, model="kinds"))


def test_binary_bool_is_zero_or_one(server):
    described = tensor(name="in_BOOL", datatype="BOOL", shape=(2,), size=2)
    assert "0 or 1" in message_of(post(server, {"inputs": [described]}, b"\x01\x02", model="kinds"))


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"parameters": {"binary_data_output": "yes"}}, "binary_data_output"),
        ({"outputs": [{"name": "y", "parameters": {"binary_data": 1}}]}, "binary_data"),
        ({"outputs": [{"name": "y", "parameters": {"classification": 2}}]}, "classification"),
        ({"outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]}, "shared_memory_region"),
        ({"parameters": 5}, "parameters"),
    ],
)
def test_unsupported_parameters_are_refused(server, more, word):
    assert word in message_of(post(server, {"inputs": [tensor()]} | more, FOUR))


def test_unknown_parameters_are_ignored(server):
    answer = post(server, {"inputs": [tensor()], "parameters": {"priority": 2, "sequence_id": "a"}}, FOUR)
    assert answer.status_code == 200
