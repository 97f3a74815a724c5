"""schemathesis reads the OpenAPI documents and asks what they allow, and what they do not: the server never fails."""

from collections import Counter
from itertools import cycle, islice
from math import prod

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.scoring.conftest import KEY, Replica, double_model, kinds_model, sum_model

VERSIONS = ("3.0", "3.1")
GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
DOCUMENTED = [content_type_conformance, response_schema_conformance, status_code_conformance]
SAME_EVERY_TIME = settings(
    max_examples=20, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
DECORATED = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Standard
from inference_schema.schema_decorators import input_schema, output_schema

def init(): pass

@input_schema("text", Standard("a good day"))
@input_schema("numbers", Standard([1, 2]))
@input_schema("options", Standard({"loud": True, "factor": 0.5}))
@output_schema(Standard({"length": 3, "sum": 3}))
def run(text, numbers, options):
    return {"length": len(text), "sum": int(sum(numbers)) % 2**31}  # numbers beyond 64 bits arrive as floats
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    made = {
        name: Replica(tmp_path_factory.mktemp(name) / "replica") for name in ("kinds", "double", "several", "decorated")
    }
    made["kinds"].with_models(kinds=kinds_model)
    made["double"].with_models(double=double_model)
    made["several"].with_models(sum=sum_model, double=double_model)
    made["decorated"].with_script(DECORATED)
    for one in made.values():
        one.launch()
    for one in made.values():
        one.wait_for("ready")
    yield made
    for one in made.values():
        one.close()


def operations(server, version):
    document = server.client.get("/swagger.json", params={"version": version}).json()
    return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


def ask(server, operation, mode, checks, change=lambda body: body) -> Counter:
    """How often each status was answered to what schemathesis makes up."""
    statuses = Counter()

    @SAME_EVERY_TIME
    @given(operation.as_strategy(generation_mode=mode))
    def asked(case):
        case.body = change(case.body)
        answer = case.call(base_url=str(server.client.base_url), headers={"Authorization": f"Bearer {KEY}"})
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=checks)

    asked()
    return statuses


def wrong_too(operation):
    """Health is open to everybody, and takes nothing that could be wrong."""
    return [GOOD] if operation.path == "/" else [GOOD, BAD]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["kinds", "double", "several"])
def test_models_answer_everything_as_documented_and_nothing_with_a_failure(servers, name, version):
    server = servers[name]
    for operation in operations(server, version):
        for mode in wrong_too(operation):
            statuses = ask(server, operation, mode, [not_a_server_error, *DOCUMENTED])
            assert set(statuses) <= ({200, 400} if mode is GOOD else {200, 400, 401, 415}), operation.label


def fitting(tensors):
    """Turns a body into one that fits the model, with what values schemathesis made up."""

    def change(body):
        values = [value for one in body["inputs"] for value in one["data"]] or [0]
        shaped = [one | {"shape": [2 if size < 0 else size for size in one["shape"]]} for one in tensors]
        inputs = [one | {"data": list(islice(cycle(values), prod(one["shape"])))} for one in shaped]
        return body | {"inputs": inputs}

    return change


def test_values_of_all_sizes_reach_the_models_and_never_fail_there(servers):
    server = servers["several"]
    for operation in operations(server, "3.1"):
        if operation.method == "post":
            tensors = server.client.get(operation.path.removesuffix("/infer")).json()["inputs"]
            statuses = ask(server, operation, GOOD, [not_a_server_error, *DOCUMENTED], fitting(tensors))
            assert set(statuses) <= {200, 400}
            assert statuses[200] > 10


@pytest.mark.parametrize("version", VERSIONS)
def test_a_decorated_script_answers_what_its_document_allows(servers, version):
    for operation in operations(servers["decorated"], version):
        assert set(ask(servers["decorated"], operation, GOOD, [not_a_server_error, *DOCUMENTED])) == {200}


def is_the_scripts_own(_context, answer, _case):
    """As Azure's server does, a value that a decorator cannot convert is told as the script's failure, with 500."""
    if answer.status_code >= 500:
        assert answer.json()["code"] == "script_failed"
        assert answer.headers["x-ms-run-function-failed"] == ["True"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_decorated_script_fails_by_itself_only(servers, version):
    (operation,) = (one for one in operations(servers["decorated"], version) if one.path == "/score")
    statuses = ask(servers["decorated"], operation, BAD, [is_the_scripts_own, *DOCUMENTED])
    assert set(statuses) <= {200, 400, 401, 415, 500}
    assert servers["decorated"].score(
        {"text": "a", "numbers": [3], "options": {}}, headers={"Content-Type": "application/json"}
    ).json() == {"length": 1, "sum": 3}
