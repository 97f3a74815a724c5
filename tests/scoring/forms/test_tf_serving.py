"""TensorFlow Serving's and KServe's V1 protocol: rows and columns, status, and refusals with a reason."""

import base64

import onnx
import pytest

from tests.scoring.conftest import double_model, save, sum_model


def words_model(path):
    """Gives texts back as they came."""
    texts, same = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.STRING, ["n"]) for name in ("in", "out"))
    return save(path, [onnx.helper.make_node("Identity", ["in"], ["out"])], [texts], [same])


def shape_model(path):
    """Two outputs of different length: the input itself, and its shape."""
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2])
    same = onnx.helper.make_tensor_value_info("same", onnx.TensorProto.FLOAT, ["n", 2])
    shape = onnx.helper.make_tensor_value_info("shape", onnx.TensorProto.INT64, [2])
    nodes = [onnx.helper.make_node("Identity", ["x"], ["same"]), onnx.helper.make_node("Shape", ["x"], ["shape"])]
    return save(path, nodes, [x], [same, shape])


@pytest.fixture(scope="module")
def server(shared_replica):
    models = {"double": double_model, "sum": sum_model, "words": words_model, "shape": shape_model}
    return shared_replica.with_models(**models).start()


def predict(server, body, model="double"):
    return server.score(body, f"/v1/models/{model}:predict")


def message_of(answer, status=400):
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


ROW = [1, 2, 3, 4]


def test_rows_of_single_input_and_output_are_lists(server):
    answer = predict(server, {"instances": [ROW, [5, 6, 7, 8]]})
    assert answer.json() == {"predictions": [[2.0, 4.0, 6.0, 8.0], [10.0, 12.0, 14.0, 16.0]]}
    assert predict(server, {"instances": [{"x": ROW}]}).json() == {"predictions": [[2.0, 4.0, 6.0, 8.0]]}


def test_rows_of_several_inputs_and_outputs_are_objects(server):
    answer = predict(server, {"instances": [{"a": 1, "b": 2}, {"b": 0.5, "a": 4}]}, "sum")
    assert answer.json() == {
        "predictions": [{"total": 3.0, "difference": -1.0}, {"total": 4.5, "difference": 3.5}],
    }


def test_columns_are_answered_in_columns(server):
    assert predict(server, {"inputs": [ROW]}).json() == {"outputs": [[2.0, 4.0, 6.0, 8.0]]}
    assert predict(server, {"inputs": {"x": [ROW]}}).json() == {"outputs": [[2.0, 4.0, 6.0, 8.0]]}
    answer = predict(server, {"inputs": {"a": [1, 4], "b": [2, 1]}, "signature_name": "serving_default"}, "sum")
    assert answer.json() == {"outputs": {"total": [3.0, 5.0], "difference": [-1.0, 3.0]}}


def test_texts_may_be_sent_in_base64(server):
    hidden, spoken = {"b64": base64.b64encode("grün".encode()).decode()}, 'say "b64"'
    assert predict(server, {"instances": [spoken, hidden]}, "words").json() == {"predictions": [spoken, "grün"]}
    assert predict(server, {"instances": [hidden, spoken]}, "words").json() == {"predictions": ["grün", spoken]}
    assert predict(server, {"instances": [{"in": hidden}]}, "words").json() == {"predictions": ["grün"]}
    assert predict(server, {"inputs": {"in": [hidden]}}, "words").json() == {"outputs": ["grün"]}


@pytest.mark.parametrize("address", ["double%3Apredict", "double/versions/1:predict", "double/versions/1%3apredict"])
def test_predict_address_may_be_escaped_and_name_a_version(server, address):
    assert server.score({"instances": [ROW]}, f"/v1/models/{address}").json()["predictions"] == [[2.0, 4.0, 6.0, 8.0]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ("instances", "inputs")),
        ({"instances": [ROW], "inputs": [ROW]}, ("either",)),
        ({"instances": []}, ("no row",)),
        ({"instances": ROW}, ("shape [4]",)),
        ({"instances": {"x": ROW}}, ("list",)),
        ({"instances": [[1, 2, 3]]}, ("shape [1, 3]",)),
        ({"instances": [ROW, [1, 2]]}, ("different length",)),
        ({"instances": [["a", 2, 3, 4]]}, ("x", "str")),
        ({"instances": [{"z": ROW}]}, ("instance 0", "z", "x (FP32")),
        ({"instances": [{"x": ROW}, ROW]}, ("request",)),
        ({"instances": [{"x": ROW}, {"x": ROW, "y": 1}]}, ("instance 1",)),
        ({"instances": [[{"b64": "YQ=="}, 2, 3, 4]]}, ("x",)),
        ({"inputs": {"z": [ROW]}}, ("z",)),
        ({"inputs": {"x": ROW}}, ("shape [4]",)),
        ({"instances": [ROW], "signature_name": "other"}, ("signature 'other'",)),
        (b"", ("not JSON",)),
        (b'{"instances": [[1, 2, 3, NaN]]}', ("not JSON",)),
        (b'{"instances": ' + b"[" * 100_000, ("nested",)),
        (b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}", ("nested",)),
    ],
)
def test_invalid_predict_request_is_refused_with_the_reason(server, body, words):
    told = message_of(predict(server, body))
    for word in words:
        assert word in told


@pytest.mark.parametrize("text", ["!", "YQ", "/w==", 5])
def test_base64_that_is_not_utf8_is_refused(server, text):
    assert message_of(predict(server, {"instances": [{"b64": text}]}, "words"))


def test_base64_nested_too_deeply_is_refused(server):
    body = b'{"instances": %b{"b64": "YQ=="}%b}' % (b"[" * 300, b"]" * 300)
    assert "nested" in message_of(predict(server, body, "words"))


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("v1/models/words:predict", b'{"instances": ["gr\xfcn"]}'),
        ("v1/models/words:predict", b'{"inputs": {"\xff": ["a"]}}'),
        ("v1/models/words:predict", b'{"instances": [{"\xff": "a"}]}'),
        (
            "v2/models/words/infer",
            b'{"inputs": [{"name": "in", "shape": [1], "datatype": "BYTES", "data": ["gr\xfcn"]}]}',
        ),
    ],
)
def test_text_that_is_not_utf8_is_refused_and_not_logged(server, address, body):
    assert "utf-8" in message_of(server.score(body, f"/{address}")).lower()
    assert "UnicodeDecodeError" not in server.log()


@pytest.mark.parametrize("texts", [[["a"], ["b", "c"]], [[], ["a"]], [["a"], []], [[["a"]], [["b"], ["c"]]]])
def test_ragged_lists_of_texts_are_refused(server, texts):
    assert "different length" in message_of(predict(server, {"instances": texts}, "words"))
    tensor = {"name": "in", "datatype": "BYTES", "shape": [2], "data": texts}
    assert "different length" in message_of(server.score({"inputs": [tensor]}, "/v2/models/words/infer"))


def test_inputs_and_outputs_that_do_not_line_up_are_refused(server):
    assert "several inputs" in message_of(predict(server, {"inputs": [1, 2]}, "sum"))
    assert "instance 0" in message_of(predict(server, {"instances": [{"a": 1}]}, "sum"))
    assert "same number of rows" in message_of(predict(server, {"instances": [ROW[:2]] * 3}, "shape"))
    assert predict(server, {"inputs": [ROW[:2]] * 3}, "shape").json()["outputs"]["shape"] == [3, 2]


def test_model_status_is_that_of_tensorflow_serving_and_kserve(server):
    facts = server.client.get("/v1/models/double").json()
    assert (facts["name"], facts["ready"]) == ("double", True)
    assert facts["model_version_status"] == [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    assert server.client.get("/v1/models/double/versions/1").json() == facts
    assert server.client.get("/v1/models").json() == {"models": ["double", "shape", "sum", "words"]}
    signature = server.client.get("/v1/models/words/metadata").json()["metadata"]["signature_def"]["signature_def"]
    assert signature["serving_default"]["inputs"]["in"]["dtype"] == "DT_STRING"


@pytest.mark.parametrize(
    "address", ["other:predict", "double:explain", "double/versions/2:predict", "double/ready:predict", ":predict"]
)
def test_unknown_predict_addresses_are_404(server, address):
    assert message_of(server.score({"instances": [ROW]}, f"/v1/models/{address}"), 404)


def test_predict_needs_post_and_the_key(server):
    assert server.client.get("/v1/models/double:predict").status_code == 405
    assert (
        server.score({"instances": [ROW]}, "/v1/models/double:predict", headers={"Authorization": ""}).status_code
        == 401
    )
