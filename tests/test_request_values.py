"""Invalid values and queries are never a server error, at any address.

Fields are read from the OpenAPI document and addresses from the URL map: new ones are tested by existing.
"""

import json

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.routes import all_routes

pytestmark = pytest.mark.django_db

JSON = "application/json"
# Of every type, out of every range, and texts that no database keeps.
VALUES = [10**30, -(10**30), 2**63, -1, 1.5, True, None, "", "\ud800", "a\0b", "x" * 5000, [], {}, [[]], ["\0"]]
KEYED = [{"\ud800": "a"}, {"a\0": "b"}, {"a": "\ud800"}]
FITTING = {"name": "fits", "path": "a.bin", "size": 1, "files": []}  # so that a view gets as far as the field
PARAMETERS = ("page", "page_size", "filter", "q", "sort", "offset", "since", "minutes", "from", "name", "kind")
QUERIES = [
    "&".join(f"{name}={value}" for name in PARAMETERS)
    for value in ("%00", "9" * 400, "-1", "%ED%A0%80", "((((", "=" * 50)
] + ["filter=%00", "page=" + "9" * 400, "offset=" + "9" * 400, "minutes=" + "9" * 400]


@pytest.fixture
def administrator(sign_in, alice):
    alice.is_superuser = alice.is_staff = True
    alice.save()
    client = sign_in(alice)
    client.raise_request_exception = False
    return client


def request_fields() -> list:
    """Method, address, field, and all fields of everything that REST takes as JSON."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    found = []
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
            part = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            fields = part.get("properties", {})
            found += [pytest.param(method.upper(), address, name, set(fields)) for name in fields]
    return found


@pytest.mark.parametrize(("method", "address", "field", "fields"), request_fields())
def test_invalid_field_value_is_no_server_error(administrator, method, address, field, fields):
    path = address.replace("{workspace}", "vision").replace("{id}", "1")
    faults = {}
    for value in [*VALUES, *KEYED]:
        fitting = {name: fits for name, fits in FITTING.items() if name in fields}
        body = json.dumps({**fitting, field: value})
        status = administrator.generic(method, path, body, content_type=JSON).status_code
        if status >= 500:
            faults[repr(value)] = status
    assert faults == {}


def test_fields_are_found_in_the_openapi_document():
    assert ("POST", "/api/v1/workspaces/{workspace}/uploads", "path") in [case.values[:3] for case in request_fields()]


@pytest.mark.parametrize("route", [route for route in all_routes() if "GET" in route.methods()], ids=str)
def test_invalid_query_is_no_server_error(administrator, route):
    for query in QUERIES:
        status = administrator.get(f"{route.path()}?{query}").status_code
        assert status < 500 or status == 503, query  # 503: /healthz, of a studio without workers


def test_nul_in_the_address_of_a_page_is_rejected(administrator):
    answer = administrator.get("/w/vision/services/?q=%00")
    assert answer.status_code == 400
    assert "NUL character" in answer.content.decode()
