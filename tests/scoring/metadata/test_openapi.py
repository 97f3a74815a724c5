"""The OpenAPI documents of models without code are valid in every version, and correct."""

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from tests.scoring.conftest import double_model, kinds_model, sum_model
from tests.scoring.form_models import same_model, services
from tests.scoring.onnx.test_onnx_models import iris_model

VERSIONS = {"2": OpenAPIV2SpecValidator, "3": OpenAPIV30SpecValidator, "3.1": OpenAPIV31SpecValidator}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    large, scalar = same_model("float", ["n", 3, 224, 224]), same_model("float", [])
    makers = {"double": double_model, "sum": sum_model, "kinds": kinds_model, "iris": iris_model}
    with services(tmp_path_factory, **makers, large=large, scalar=scalar) as made:
        yield made


@pytest.fixture
def several(replica):
    return replica.with_models(double=double_model, sum=sum_model).start()


def document_of(server, version):
    return server.client.get("/swagger.json", params={"version": version} if version else {}).json()


def schemas_of(document):
    return document.get("definitions") or document["components"]["schemas"]


def fits(document, name, value):
    """Whether a value is what a schema of a 3.1 document says."""
    place = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(place).is_valid(value)


@pytest.mark.parametrize(("version", "key", "value"), [("", "swagger", "2.0"), ("2", "swagger", "2.0"),
                                                     ("3", "openapi", "3.0.3"), ("3.0", "openapi", "3.0.3"),
                                                     ("3.1", "openapi", "3.1.0")])  # fmt: skip
def test_requested_openapi_version_is_returned(servers, version, key, value):
    document = document_of(servers["double"], version)
    assert document[key] == value
    assert set(document["paths"]) == {"/", "/score", "/swagger.json", "/v2/models/double/infer"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["double", "sum", "kinds", "iris", "large", "scalar"])
def test_openapi_document_is_valid(servers, name, version):
    assert [str(error) for error in VERSIONS[version](document_of(servers[name], version)).iter_errors()] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["double", "sum", "kinds", "iris", "scalar"])
def test_openapi_examples_can_be_sent(servers, name, version):
    schemas = schemas_of(document_of(servers[name], version))
    for schema, path in {"ServiceInput": "/score", f"InferenceRequest_{name}_1": f"/v2/models/{name}/infer"}.items():
        answer = servers[name].score(schemas[schema]["example"], path)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("version", ["3", "3.1"])
def test_score_refers_to_the_schemas_of_its_model(servers, version):
    """openapi-python-client 0.29 drops the class of an alternative that repeats another schema, and imports it yet."""
    schemas = schemas_of(document_of(servers["double"], version))
    assert schemas["ServiceInput"]["anyOf"][0] == {"$ref": "#/components/schemas/InferenceRequest_double_1"}
    assert schemas["ServiceOutput"]["oneOf"][0] == {"$ref": "#/components/schemas/InferenceResponse_double_1"}


def test_huge_input_has_no_example(servers):
    assert "example" not in schemas_of(document_of(servers["large"], "2"))["ServiceInput"]


@pytest.mark.parametrize("name", ["double", "sum", "kinds", "iris"])
def test_responses_match_openapi_document(servers, name):
    document = document_of(servers[name], "3.1")
    example = schemas_of(document)["ServiceInput"]["example"]
    assert fits(document, "ServiceOutput", servers[name].score(example).json())
    answer = servers[name].score(example, f"/v2/models/{name}/infer").json()
    assert fits(document, f"InferenceResponse_{name}_1", answer)
    short = {one["name"]: one["data"] for one in example["inputs"]}
    if name in ("sum", "kinds"):
        assert fits(document, "ServiceOutput", servers[name].score({"data": short}).json())


def test_openapi_document_and_server_accept_the_same_requests(servers):
    document = document_of(servers["double"], "3.1")
    for body in (
        {"data": [[1, 2, 3, 4]]},
        {"data": [[1, 2, 3, None]]},
        {"data": [[1, 2, 3]]},
        {"data": [1, 2, 3, 4]},
        {"data": "x"},
        {"data": [["1", 2, 3, 4]]},
        {},
        {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}], "id": "a"},
        {"inputs": [{"name": "z", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]},
        {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]},
        {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, "2", 3, 4]}]},
        {"inputs": 5},
    ):
        assert fits(document, "ServiceInput", body) == (servers["double"].score(body).status_code == 200), body


def test_errors_match_openapi_document(servers):
    document = document_of(servers["double"], "3.1")
    assert fits(document, "ErrorResponse", servers["double"].score({}).json())
    assert fits(document, "InferenceError", servers["double"].score({}, "/v2/models/double/infer").json())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_model_has_its_own_path(several, version):
    document = document_of(several, version)
    assert set(document["paths"]) == {"/", "/swagger.json", "/v2/models/double/infer", "/v2/models/sum/infer"}
    assert list(VERSIONS[version](document).iter_errors()) == []


def test_unknown_openapi_version_is_404(servers):
    assert servers["double"].client.get("/swagger.json?version=9").status_code == 404
