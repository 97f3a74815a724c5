"""REST refuses what nobody would read, at every address there is: cases are made from the OpenAPI document."""

import json
import re

import pytest
from drf_spectacular.generators import SchemaGenerator

from registry.api.serializers import RegisterSerializer
from studio.core.errors import BadInput

pytestmark = pytest.mark.django_db
JSON = "application/json"
NOTHING = {"{id}": "999999", "{pk}": "999999", "{slot}": "primary", "{revision}": "999999"}
UUID = "00000000-0000-0000-0000-000000000000"
TAKES_ANYTHING = {"score"}  # hands the body on to the service
TAKES_BYTES = {("put", "/api/v1/workspaces/{workspace}/uploads/{id}")}  # a piece of a file


def writes():
    document = SchemaGenerator().get_schema(request=None, public=True)
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in {"post", "put", "patch", "delete"} or (method, address) in TAKES_BYTES:
                continue
            if address.rsplit("/", 1)[-1] not in TAKES_ANYTHING:
                yield pytest.param(method.upper(), address, operation.get("parameters", []), id=f"{method} {address}")


def path_of(address, parameters):
    formats = {each["name"]: each["schema"].get("format") for each in parameters if each["in"] == "path"}
    named = address.replace("{workspace}", "vision")
    return re.sub(
        r"{(\w+)}", lambda found: UUID if formats.get(found[1]) == "uuid" else NOTHING.get(found[0], "x"), named
    )


@pytest.mark.parametrize(("method", "address", "parameters"), list(writes()))
def test_an_unknown_field_is_refused_by_name(sign_in, alice, method, address, parameters):
    alice.is_superuser = True
    alice.save()

    body = json.dumps({"surplus_field": 1})
    answer = sign_in(alice).generic(method, path_of(address, parameters), body, content_type=JSON)

    assert answer.status_code == 400, answer.content
    (error,) = answer.json()["errors"]
    assert (error["code"], error["attr"]) == ("unknown_field", "surplus_field")


@pytest.mark.parametrize(
    ("address", "body", "hint"),
    [
        ("services", {"name": "s", "models": ["m:1"], "memory_gb": 4}, "It belongs into deployment_config."),
        ("services", {"name": "s", "token_auth": True}, "It belongs into deployment_config."),
        ("services", {"name": "s", "queue_limit": 4}, "It belongs into deployment_config.server."),
        ("services", {"name": "s", "model": "m:1"}, "Did you mean models?"),
        ("services", {"name": "s", "overwrit": True}, "Did you mean overwrite?"),
        ("versions", {"name": "m", "cpu": 2}, "It belongs into resources."),
        ("tokens", {"name": "t", "expires_at": None}, "It is set by the studio; leave it out."),
    ],
)
def test_the_hint_says_where_an_unknown_field_belongs(api, bob, address, body, hint):
    answer = api(bob).post(f"/api/v1/workspaces/vision/{address}", body)
    assert (answer.status_code, answer.json()["errors"][0]["hint"]) == (400, hint)


def test_fields_of_nested_objects_are_strict_too():
    form = RegisterSerializer(data={"name": "m", "files": [], "resources": {"memory": 1}})
    with pytest.raises(BadInput, match="'memory'"):
        form.is_valid()
