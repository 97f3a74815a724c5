"""Bodies in other encodings than plain UTF-8, as Windows writes files: read in every form."""

import json

import httpx
import pytest

from tests.scoring.conftest import KEY
from tests.scoring.form_models import same_model, services

ECHO = "def init(): pass\ndef run(data): return data\n"
TENSOR = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["grün"]}
FORMS = {
    "/score": ({"data": ["grün"]}, "data"),
    "/v2/models/same/infer": ({"inputs": [TENSOR]}, "outputs"),
    "/v1/models/same:predict": ({"instances": ["grün"]}, "predictions"),
    "/invocations": ({"dataframe_records": [{"x": "grün"}]}, "predictions"),
}
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with services(tmp_path_factory, same=same_model("string", ["n"])) as made:
        yield made["same"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", FORMS)
def test_json_is_read_in_every_unicode_encoding(server, path, encoding):
    body, key = FORMS[path]
    answer = server.score(json.dumps(body, ensure_ascii=False).encode(encoding), path)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()[key]
    assert (found["data"][0] if isinstance(found, dict) else found) == "grün"


def test_csv_in_utf_16_is_read_by_its_mark_or_charset(server):
    for encoding, charset in (("utf-16", ""), ("utf-16-le", "; charset=utf-16le")):
        answer = server.score(
            "x\ngrün\n".encode(encoding), "/invocations", headers={"Content-Type": f"text/csv{charset}"}
        )
        assert answer.json() == {"predictions": ["grün"]}, answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe{\x00\x00\xd8", b"\xef\xbb\xbf\xef\xbb\xbf{}", b'{\x00"\x00'])
def test_body_that_only_begins_like_utf_16_is_refused(server, body):
    assert server.score(body).status_code == 400


def test_truncated_utf_16_is_named_in_the_refusal(server):
    told = server.score('{"data": ["a"]}'.encode("utf-16")[:-1]).json()["message"]
    assert "not UTF-8 text, and no UTF-16, as which it begins" in told


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("path", FORMS)
def test_nan_and_infinity_are_refused_with_what_to_send(server, path, word):
    answer = server.score(f'{{"inputs": [{{"data": [1, {word}]}}]}}', path)
    told = answer.json().get("message") or answer.json()["error"]
    assert (answer.status_code, word.removeprefix("-") in told) == (400, True)
    assert "null" in told
    assert "binary tensors" in told


def test_script_gets_text_without_the_byte_order_mark(replica):
    replica.with_script(ECHO).start()
    for encoding, charset in (("utf-8-sig", ""), ("utf-16", ""), ("utf-16-be", "; charset=UTF-16BE")):
        headers = {"Content-Type": f"application/json{charset}", "Authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{replica.client.base_url}/score", content='{"ü": 1}'.encode(encoding), headers=headers)
        assert answer.json() == '{"ü": 1}'
    assert replica.score(b"\xff\xfea", "/score").status_code == 400


FOREIGN = {
    "ONNX Runtime's own server": {"inputs": {"x": {"dims": ["1"], "dataType": 8, "rawData": "YQ=="}}},
    "Azure's designer": {"Inputs": {"data": [{"x": "a"}]}, "GlobalParameters": 1.0},
    "MLflow model at an endpoint of Azure": {"input_data": {"columns": ["x"], "index": [0], "data": [["a"]]}},
}


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("words", FOREIGN)
def test_requests_for_other_azure_servers_are_refused_with_what_to_send(server, path, words):
    answer = server.score(FOREIGN[words], path)
    told = answer.json().get("message") or answer.json()["error"]
    assert (answer.status_code, words in told, "/score" in told) == (400, True, True), told
