"""Inference configs over REST: new versions of old ones, downloads, deletion."""

import pytest

from deployments.models import InferenceConfig
from studio.activity.models import Event
from tests.deployments.service_factories import deploy, make_config
from tests.registry.factories import make_upload

pytestmark = pytest.mark.django_db
CONFIGS = "/api/v1/workspaces/vision/configs"
IMPORT = "/api/v1/workspaces/vision/config-import"
SCRIPT = b"def init(): ...\ndef run(data): return data\n"


@pytest.fixture
def rest(api, bob):
    return api(bob)


@pytest.fixture
def own(script_config):
    """A config with score.py and labels/names.txt."""
    return script_config()


def uploaded(workspace, bob, path="score.py", content=SCRIPT):
    return str(make_upload(workspace, bob, path, content).pk)


def created(rest, **given):
    answer = rest.post(CONFIGS, given, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def fault(answer):
    return answer.json()["errors"][0]


def test_new_version_keeps_what_is_not_named_of_its_base(rest, own):
    made = created(rest, name=own.name, base=str(own), description="Better.")
    assert made["id"] == f"{own.name}:2"
    kept = rest.get(f"{CONFIGS}/{own}").json()
    assert {name: made[name] for name in ("kind", "entry_script", "environment", "files")} == {
        name: kept[name] for name in ("kind", "entry_script", "environment", "files")
    }
    assert made["description"] == "Better."


def test_files_of_a_new_version_replace_all_of_its_base(rest, own, workspace, bob):
    made = created(rest, name=own.name, base=str(own), files=[uploaded(workspace, bob)])
    assert [file["path"] for file in made["files"]] == ["score.py"]


def test_base_of_another_workspace_is_not_found(rest, own, elsewhere):
    InferenceConfig.objects.filter(pk=own.pk).update(workspace=elsewhere)
    answer = rest.post(CONFIGS, {"name": "mine", "base": str(own)}, format="json")
    assert answer.status_code == 404


def test_environment_variables_are_kept_of_the_base_unless_given(rest, workspace, bob):
    first = make_config(workspace, bob, variables={"LEVEL": "info"})
    assert created(rest, name=first.name, base=str(first))["environment_variables"] == {"LEVEL": "info"}
    made = created(rest, name=first.name, base=str(first), environment_variables={"A": ""})
    assert made["environment_variables"] == {"A": ""}


def test_invalid_environment_variable_is_rejected_at_its_field(rest, own):
    given = {"name": own.name, "base": str(own), "environment_variables": {"PYTHONPATH": "/"}}
    answer = rest.post(CONFIGS, given, format="json")
    assert (answer.status_code, fault(answer)["attr"]) == (400, "environment_variables")


@pytest.mark.parametrize("environment", ["slipway-runtime:latest", "own:1"])
def test_exported_inferenceconfig_is_imported_with_an_equal_environment(rest, own, environment):
    first = created(rest, name="first", base=str(own), environment=environment)
    exported = rest.get(f"{CONFIGS}/{first['id']}/inferenceconfig").json()
    again = rest.post(IMPORT, {"inferenceconfig": exported}, format="json").json()
    assert (again["environment"], again["entry_script"]) == (first["environment"], first["entry_script"])


def test_config_without_kind_and_base_is_rejected(rest, workspace):
    answer = rest.post(CONFIGS, {"name": "own"}, format="json")
    assert (answer.status_code, fault(answer)["attr"]) == (400, "kind")


def test_file_of_a_config_is_downloaded(rest, own):
    answer = rest.get(f"{CONFIGS}/{own}/files/labels/names.txt")
    assert (answer.status_code, answer.getvalue()) == (200, b"setosa")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="names.txt"'
    assert rest.get(f"{CONFIGS}/{own}/files/nothing.py").status_code == 404


def test_config_is_deleted_and_its_number_never_given_again(rest, own):
    assert rest.delete(f"{CONFIGS}/{own}").status_code == 204
    assert Event.objects.get(action="config.deleted").subject_label == str(own)
    again = created(rest, name=own.name, kind="no_code")
    assert again["version"] == 2


def test_config_that_a_revision_uses_is_not_deleted(rest, own, workspace, bob, pickled, fake):
    deploy(workspace, bob, pickled, name="scripted", built=False, config=own, target=fake.target)
    answer = rest.delete(f"{CONFIGS}/{own}")
    assert (answer.status_code, fault(answer)["code"]) == (409, "in_use")
    assert fault(answer)["detail"] == f"{own} is in use by scripted."
    assert not Event.objects.filter(action="config.deleted").exists()
