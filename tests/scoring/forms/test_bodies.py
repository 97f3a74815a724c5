"""/score by content type: JSON under any name, binary tensors, npy, and unknown types."""

import io
import json
import struct

import numpy as np
import pytest

from tests.scoring.conftest import double_model, sum_model
from tests.scoring.form_models import message_of, same_model, send, services


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with services(
        tmp_path_factory,
        double=double_model,
        sum=sum_model,
        words=same_model("string", ["n"]),
        word=same_model("string", []),
        number=same_model("float", []),
        small=same_model("int8", ["n"]),
    ) as made:
        yield made


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/x-www-form-urlencoded",
        "text/plain;charset=UTF-8",
        "application/cloudevents+json",
        "",
    ],
)
def test_json_is_read_under_any_of_its_content_types(servers, content_type):
    answer = send(servers["double"], b'{"data": [[1, 2, 3, 4]]}', content_type)
    assert answer.json() == {"data": [[2.0, 4.0, 6.0, 8.0]]}


@pytest.mark.parametrize(("model", "value"), [("word", "grün"), ("number", 1.5)])
def test_scalar_is_answered_as_a_scalar(servers, model, value):
    assert servers[model].score({"data": value}).json() == {"data": value}


@pytest.mark.parametrize("content_type", ["application/xml", "text/csv", "video/mp4", "nonsense", "multipart/mixed"])
def test_unknown_content_type_is_refused_with_the_known_ones(servers, content_type):
    told = message_of(send(servers["double"], b'{"data": [[1, 2, 3, 4]]}', content_type), 415)
    assert content_type in told
    assert "application/x-npy" in told


def test_score_takes_binary_tensors(servers):
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
    head = json.dumps({"inputs": [tensor]}).encode()
    body = head + np.array([1, 2, 3, 4], np.float32).tobytes()
    length = {"Inference-Header-Content-Length": str(len(head))}
    answer = send(servers["double"], body, "application/octet-stream", **length)
    assert answer.json()["outputs"][0]["data"] == [2.0, 4.0, 6.0, 8.0]
    assert message_of(send(servers["double"], body, "application/octet-stream"), 415)


def npy(array, **more):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **more)
    return file.getvalue()


ROWS = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "f2", "<i8", "u1"])
def test_npy_of_any_number_type_fills_a_float_input(servers, dtype):
    answer = send(servers["double"], npy(ROWS.astype(dtype)), "application/x-npy")
    assert answer.json() == {"data": (ROWS * 2).tolist()}


def test_npy_is_returned_where_accepted(servers):
    for array in (ROWS, np.asfortranarray(ROWS), ROWS[:0]):
        answer = send(servers["double"], npy(array), "application/x-npy", Accept="application/x-npy")
        assert answer.headers["content-type"] == "application/x-npy"
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), array * 2)


def test_npy_carries_texts_and_integers(servers):
    texts = np.array(["grün", "b"])
    answer = send(servers["words"], npy(texts), "application/x-npy", Accept="application/x-npy")
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.content), allow_pickle=False), texts)
    assert send(servers["words"], npy(np.array([b"gr\xc3\xbcn"])), "application/x-npy").json() == {"data": ["grün"]}
    for kind in (np.int64, np.float16, np.float64):
        body = npy(np.array([-128, 127], kind))
        assert send(servers["small"], body, "application/x-npy").json() == {"data": [-128, 127]}


def npy_claiming(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    ("server", "body", "words"),
    [
        ("double", b"", ("no npy",)),
        ("double", b"hello, world", ("no npy",)),
        ("double", npy(ROWS)[:-1], ("31 behind",)),
        ("double", npy(ROWS) + b"x", ("33 behind",)),
        ("double", npy(ROWS).replace(b"(2, 4)", b"(-2,-4)"), ("[-2, -4]",)),
        ("double", npy(ROWS).replace(b"(2, 4)", b"(2, (4"), ("no npy",)),
        ("double", npy(ROWS).replace(b"<f4", b"|S0"), ("cannot be read",)),
        ("double", npy(ROWS).replace(b"<f4", b"<M8"), ("numbers and text",)),
        ("double", npy(np.array(["2020-01-01"], "datetime64[D]")), ("numbers and text",)),
        ("double", npy(ROWS).replace(b"\x01\x00", b"\x09\x00", 1), ("no npy",)),
        ("double", npy_claiming((99999999999, 4)), ("behind",)),
        ("double", npy_claiming((0, 10**30)), ("no array can have",)),
        ("double", npy_claiming((0, 2**62)), ("no array can have",)),
        ("double", npy_claiming((0,) + (1,) * 99), ("no array can have",)),
        ("double", npy(ROWS[0]), ("shape [4]",)),
        ("double", npy(ROWS[:, :3]), ("shape [2, 3]",)),
        ("double", npy(np.array([["1", "2", "3", "4"]])), ("FP32",)),
        ("double", npy(np.array([[1e39, 2, 3, 4]])), ("fit",)),
        ("double", npy(np.array([[True, False, True, False]])), ("bool",)),
        ("double", npy(np.array([[1, 2, 3, None]], dtype=object), allow_pickle=True), ("numbers and text",)),
        ("double", npy(np.zeros((1, 4), [("a", "f4")])), ("numbers and text",)),
        ("small", npy(np.array([128])), ("fit",)),
        ("small", npy(np.array([1, 1.5])), ("INT8", "1.5 is no exact whole number", "[1]")),
        ("small", npy(np.array([1.0, np.nan])), ("a value is missing", "[1]")),
        ("small", npy(np.array([128.0])), ("fit",)),
        ("words", npy(np.array([1])), ("text",)),
        ("words", npy(np.array([b"\xff"])), ("UTF-8",)),
    ],
)
def test_unusable_npy_is_refused_with_the_reason(servers, server, body, words):
    told = message_of(send(servers[server], body, "application/x-npy"))
    for word in words:
        assert word in told


def test_npy_for_a_model_of_two_inputs_is_refused(servers):
    assert "JSON" in message_of(send(servers["sum"], npy(ROWS), "application/x-npy"), 415)
