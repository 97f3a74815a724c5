"""Scripts decorated by inference-schema: what they accept, what they refuse, and their OpenAPI."""

import json

import openapi_spec_validator
import pytest

from tests.scoring.script.test_entry_scripts_in_the_wild import Case

FINE = {"param1": [[1, 2, 3]], "param2": [{"a": 5, "b": "y"}], "param3": 2.5}
VERSIONS = ["2", "3", "3.0", "3.1"]


@pytest.fixture(scope="module")
def server(shared_replica):
    return Case("four_schemas", None, None).install(shared_replica).start()


def ask(server, body, kind="application/json"):
    return server.score(body, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
def test_schema_script_refuses_other_types_than_json(server, kind):
    assert ask(server, FINE, kind).status_code == 415


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_schema_script_takes_json_under_any_of_its_types(server, kind):
    assert ask(server, FINE, kind).json()["sum"] == 6


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("", "bad_input", "empty"),
        ("[1]", "bad_input", "object"),
        ('"text"', "bad_input", "object"),
        ("{", "not_json", "not JSON"),
        (json.dumps({"param1": [[1, 2, 3]], "param3": 1.0}), "bad_input", "'param2'"),
        ("{}", "bad_input", "'param1', 'param2', 'param3'"),
        ("[" * 100_000, "not_json", "not JSON"),
    ],
)
def test_body_without_the_parameters_is_refused(server, body, code, words):
    answer = ask(server, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"param1": [1, 2, 3]}, "2 dimensions"),
        ({"param1": [[1, 2]]}, "dimension #1"),
        ({"param1": "text"}, "array"),
        ({"param3": "text"}, "float"),
        ({"param2": [{"a": 1}]}, "data frame has size 1"),
    ],
)
def test_value_refused_by_the_schema_is_a_failure_of_the_script(server, wrong, words):
    answer = ask(server, FINE | wrong)
    assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
    assert words in answer.json()["message"]
    assert answer.headers["x-ms-run-function-failed"] == "True"


def test_unknown_keys_are_ignored(server):
    assert ask(server, FINE | {"more": 1}).json()["sum"] == 6


def test_get_gives_the_parameters(server):
    asked = {name: json.dumps(value) for name, value in FINE.items()}
    assert server.client.get("/score", params=asked).json()["number"] == 5.0


def test_nan_and_infinity_of_numpy_clients_are_read(server):
    assert ask(server, json.dumps(FINE | {"param3": float("inf")})).json()["number"] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_openapi_has_the_samples_and_the_types(server, version):
    document = server.client.get("/swagger.json", params={"version": version}).json()
    schemas = document["definitions"] if version == "2" else document["components"]["schemas"]
    given = schemas["ServiceInput"]
    assert given["properties"]["param1"]["format"] == "numpy.ndarray"
    assert given["properties"]["param2"]["format"] == "pandas.DataFrame:records"
    assert given["properties"]["param3"] == {"type": "number", "format": "double"}
    assert given["required"] == ["param1", "param2", "param3"]
    assert given["example"]["param1"] == [[1, 2, 3]]
    assert given["example"]["param2"] == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize("version", VERSIONS)
def test_openapi_of_a_script_is_valid(server, version):
    openapi_spec_validator.validate(server.client.get("/swagger.json", params={"version": version}).json())


def test_openapi_example_is_a_valid_request(server):
    document = server.client.get("/swagger.json").json()
    answer = ask(server, document["definitions"]["ServiceInput"]["example"])
    assert answer.json() == {"sum": 6, "columns": ["a", "b"], "number": 7.0, "year": 2020}


def test_openapi_input_omits_request_headers(replica):
    Case("numpy_schema", None, None, models={"prices/1/prices.pkl": lambda path: __import__("joblib").dump(1, path)})\
        .install(replica).start()  # fmt: skip
    schemas = replica.client.get("/swagger.json").json()["definitions"]
    assert list(schemas["ServiceInput"]["properties"]) == ["data"]
    assert schemas["ServiceOutput"]["example"] == [3726.995]


@pytest.mark.parametrize("version", VERSIONS)
def test_undecorated_script_has_openapi(replica, version):
    Case("constant", None, None).install(replica).start()
    document = replica.client.get("/swagger.json", params={"version": version}).json()
    schemas = document["definitions"] if version == "2" else document["components"]["schemas"]
    assert schemas["ServiceInput"]["type"] == "object"
    assert document["info"]["title"] == "iris"
    assert "/score" in document["paths"]


def test_sample_of_mixed_types_is_described_in_every_version(replica):
    script = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema
def init(): pass
@input_schema("row", StandardPythonParameterType([1, "a", 2.5]))
def run(row):
    return row
"""
    replica.with_script(script).start()
    for version in VERSIONS:
        document = replica.client.get("/swagger.json", params={"version": version}).json()
        schemas = document["definitions"] if version == "2" else document["components"]["schemas"]
        assert schemas["ServiceInput"]["example"] == {"row": [1, "a", 2.5]}


def test_openapi_files_of_the_author_take_precedence(replica):
    Case(
        "constant", None, None, beside={"swagger.json": '{"mine": 2}', "swagger3.json": '{"mine": 3}'}
    ).install(replica).start()  # fmt: skip
    found = {version: replica.client.get("/swagger.json", params={"version": version}).json() for version in VERSIONS}
    assert [found[version].get("mine") for version in VERSIONS] == [2, 3, 3, None]
    assert found["3.1"]["openapi"] == "3.1.0"
    assert replica.client.get("/swagger.json?version=4").status_code == 404


def test_invalid_openapi_file_fails_the_start(replica):
    Case("constant", None, None, beside={"swagger2.json": "{"}).install(replica)
    failure = replica.fail_to_start()
    assert (failure["reason"], "swagger2.json" in failure["message"]) == ("script_invalid", True)


def test_raw_http_and_a_schema_exclude_each_other(replica):
    script = """
from azureml.contrib.services.aml_request import rawhttp
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema
def init(): pass
@rawhttp
@input_schema("data", StandardPythonParameterType(1))
def run(data):
    return data
"""
    failure = replica.with_script(script).fail_to_start()
    assert (failure["reason"], "@rawhttp and @input_schema" in failure["message"]) == ("script_invalid", True)
