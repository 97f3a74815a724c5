"""Environments over REST: deleted while nothing uses them, and their build logs."""

import pytest

from deployments.models import InferenceConfig
from registry.environments import environments
from registry.environments.paths import environment_log_path
from registry.models import Environment, Upload
from studio.activity.models import Event
from tests.registry.factories import make_upload
from tests.registry.rest_answers import BASE, first_error
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db
HERE = f"{BASE}/environments"


def own_of(answer):
    return [row["id"] for row in answer.json()["results"] if not row["name"].startswith("slipway-")]


def test_environment_is_deleted_and_its_number_never_given_again(rest, define):
    define("demo")
    define("demo-two")
    assert rest.delete(f"{HERE}/demo:2").status_code == 204
    assert own_of(rest.get(HERE)) == ["demo:1"]
    assert Event.objects.get(action="environment.deleted").subject_label == "demo:2"
    assert str(define("demo-two")) == "demo:3"


def test_environment_that_a_config_uses_is_not_deleted(rest, define, workspace):
    InferenceConfig.objects.create(workspace=workspace, name="wine", number=1, environment=define("demo"))
    answer = rest.delete(f"{HERE}/demo:1")
    assert (answer.status_code, first_error(answer)["code"]) == (409, "in_use")
    assert first_error(answer)["detail"] == "demo:1 is in use by wine:1."
    assert Environment.objects.filter(name="demo").exists()
    assert not Event.objects.filter(action="environment.deleted").exists()


def test_environment_of_the_studio_is_not_deleted(rest, workspace):
    environments.curated(workspace)
    assert rest.delete(f"{HERE}/slipway-runtime:1").status_code == 409


def test_build_log_of_an_environment_is_empty_before_the_first_build(rest, define):
    assert rest.get(f"{HERE}/{define('demo')}/log").json() == {"text": ""}


def test_build_log_of_an_environment_is_its_newest(rest, define, tmp_path, monkeypatch):
    environment = define("demo")
    place = environment_log_path(environment.definition_hash)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("Resolved 1 package\n")
    assert rest.get(f"{HERE}/demo:latest/log").json() == {"text": "Resolved 1 package\n"}


DEFINITION = {
    "name": "box",
    "python_version": "3.11",
    "requirements": ["demo"],
    "description": "With GDAL",
    "variables": {"TOKEN": "secret"},
    "base_image": "python:3.11-slim",
    "docker_steps": ["RUN apt-get update \\", "  && apt-get install -y gdal-bin", "ENV A=1"],
}


def test_environment_with_a_base_and_steps_is_made_and_shown(rest):
    made = rest.post(HERE, DEFINITION, format="json")
    assert made.status_code == 201, made.json()
    shown = rest.get(f"{HERE}/box:1").json()
    assert shown == made.json()
    kept = DEFINITION | {"docker_steps": ["RUN apt-get update \\\n  && apt-get install -y gdal-bin", "ENV A=1"]}
    assert {name: shown[name] for name in kept} == kept
    assert (shown["dockerfile"], shown["conda"], shown["wheels"]) == ("", {}, [])


def test_viewer_sees_names_of_an_environments_variables_only(rest, api, carol):
    rest.post(HERE, DEFINITION, format="json")
    assert api(carol).get(f"{HERE}/box:1").json()["variables"] == {"TOKEN": "•••"}
    assert "secret" not in api(carol).get(HERE).content.decode()


def test_refused_step_is_told_with_its_field(rest):
    answer = rest.post(HERE, DEFINITION | {"docker_steps": ["RUN a", "ADD b c"]}, format="json")
    assert answer.status_code == 400
    assert (first_error(answer)["attr"], first_error(answer)["code"]) == ("docker_steps", "bad_dockerfile")


def test_private_wheel_is_uploaded_and_kept_by_clones(rest, workspace, bob, tmp_path):
    wheel = make_wheel(tmp_path, "mine", "2.0")
    upload = make_upload(workspace, bob, wheel.name, wheel.read_bytes())
    made = rest.post(HERE, DEFINITION | {"wheels": [str(upload.pk)]}, format="json")
    assert made.json()["wheels"] == [wheel.name], made.json()
    assert not Upload.objects.exists()
    clone = rest.post(HERE, {"name": "copy", "base": "box:1"}, format="json").json()
    same = ("requirements", "docker_steps", "variables", "base_image", "wheels", "definition_hash", "description")
    assert [clone[name] for name in same] == [made.json()[name] for name in same]
    changed = rest.post(HERE, {"name": "box", "base": "box:1", "requirements": ["other"]}, format="json").json()
    assert (changed["id"], changed["requirements"], changed["wheels"]) == ("box:2", ["other"], [wheel.name])


def test_upload_that_is_no_wheel_is_refused_by_name(rest, workspace, bob):
    upload = make_upload(workspace, bob, "model.onnx", b"x")
    answer = rest.post(HERE, {"name": "box", "wheels": [str(upload.pk)]}, format="json")
    assert (answer.status_code, first_error(answer)["code"]) == (400, "bad_wheel")
    assert first_error(answer)["detail"] == "'model.onnx' is no name of a wheel."


def test_definition_in_yaml_is_taken_and_refused_by_line(rest):
    text = "python: '3.11'\nrequirements:\n  - demo\nbase_image: python:3.11-slim\n"
    made = rest.post(HERE, {"name": "box", "definition": text}, format="json")
    assert (made.status_code, made.json()["base_image"]) == (201, "python:3.11-slim")
    answer = rest.post(HERE, {"name": "box", "definition": text + "base: x\n"}, format="json")
    assert first_error(answer)["detail"] == "Line 5: 'base' is nothing that a definition has."
    answer = rest.post(HERE, {"name": "box", "definition": text, "base_image": "x"}, format="json")
    assert first_error(answer)["attr"] == "base_image"
