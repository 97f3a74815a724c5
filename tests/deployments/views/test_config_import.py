"""Importing Azure's inferenceconfig.json on its page and over REST."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from deployments.config import azure_inference_config
from registry.models import Environment
from tests.deployments.service_factories import make_config

pytestmark = pytest.mark.django_db
HERE = "/w/vision/configs/"
IMPORT = "/api/v1/workspaces/vision/config-import"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def config(workspace, bob):
    return make_config(workspace, bob, "joblib", variables={"LEVEL": "top-secret"})


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


AZURE = {
    "entryScript": "score.py",
    "environment": {
        "name": "imported-env",
        "python": {"condaDependencies": {"dependencies": ["python=3.11", {"pip": ["joblib"]}]}},
    },
}


def test_exported_config_can_be_imported(bob, workspace, sign_in, config):
    answer = sign_in(bob).get(f"{HERE}own/1/inferenceconfig.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="inferenceconfig.json"'
    given = azure_inference_config.read(answer.content.decode())
    assert (given.entry_script, given.description) == ("score.py", "")
    assert given.environment_variables == {"LEVEL": "top-secret"}
    assert azure_inference_config.environment_of(given, workspace, bob) == "own:1"


def test_import_defines_the_environment_and_fills_in_the_form(bob, sign_in):
    client = sign_in(bob)
    given = json.loads(json.dumps(AZURE))
    given["environment"] |= {
        "environmentVariables": {"LEVEL": "top-secret"},
        "docker": {"baseImage": "x", "shmSize": "4g"},
    }
    answer = client.post(f"{HERE}new/import/", {"inferenceconfig": json.dumps(given)})
    assert answer.status_code == 302
    assert "top-secret" not in answer.url
    made = Environment.objects.get(name="imported-env")
    assert (made.requirements, made.base_image) == (["joblib"], "x")
    composer = page(client, answer.url)
    assert '<option value="imported-env:1" selected>' in composer
    assert "LEVEL=top-secret" in composer
    assert "environment.docker.shmSize has no effect" in composer
    assert "LEVEL=top-secret" in page(client, answer.url)  # also when the page is loaded again
    assert "LEVEL=top-secret" not in page(client, f"{HERE}new/")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_any_encoding_can_be_imported(bob, sign_in, encoding):
    file = SimpleUploadedFile("inferenceconfig.json", json.dumps(AZURE | {"description": "größer"}).encode(encoding))
    answer = sign_in(bob).post(f"{HERE}new/import/", {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    assert Environment.objects.get(name="imported-env").requirements == ["joblib"]


def test_yaml_is_imported_with_its_conda_file(bob, sign_in):
    given = {
        "file": SimpleUploadedFile("inferenceconfig.yml", b"entryScript: score.py\ncondaFile: env.yml\n"),
        "conda": SimpleUploadedFile("env.yml", b"name: old\ndependencies: [python=3.6.2, {pip: [joblib]}]\n"),
    }
    refused = sign_in(bob).post(f"{HERE}new/import/", given)
    assert "Python 3.6.2 is not installed on this machine" in refused.content.decode()
    for file in given.values():
        file.seek(0)
    assert sign_in(bob).post(f"{HERE}new/import/", given | {"python_version": "3.11"}).status_code == 302
    assert Environment.objects.get(name="old").requirements == ["joblib"]


@pytest.mark.parametrize("text", ["", json.dumps(AZURE)])
def test_import_accepts_text_or_a_file(bob, sign_in, text):
    given = {"inferenceconfig": text}
    if text:
        given["file"] = SimpleUploadedFile("inferenceconfig.json", text.encode())
    answer = sign_in(bob).post(f"{HERE}new/import/", given)
    assert answer.status_code == 422
    assert "as text or as a file" in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"entryScript": "score.py"\n"environment": {}}', "no valid JSON: line 3, column 1"),
        ('{"entryScript": "a.py", "condaFile": "env.yml"}', "names the conda file env.yml"),
        ('{"entryScript": "a.py", "environment": {"name": "absent"}}', "no environment"),
        (json.dumps(AZURE | {"baseImage": "x"}), "Either 'environment' or 'baseImage' describes the environment"),
    ],
)
def test_a_file_that_cannot_be_imported_is_explained_and_kept(bob, sign_in, text, message):
    answer = sign_in(bob).post(f"{HERE}new/import/", {"inferenceconfig": text})
    assert answer.status_code == 422
    assert message in answer.content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize("as_text", [False, True])
def test_import_over_rest_returns_what_a_config_is_created_from(workspace, bob, carol, api, as_text):
    given = {"entryScript": "score.py", "condaFile": "env.yml", "enableGpu": True}
    conda = "dependencies: [python=3.6.2, {pip: [joblib]}]"
    body = {"inferenceconfig": json.dumps(given) if as_text else given, "conda": conda, "name": "mine"}
    refused = api(bob).post(IMPORT, body)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["attr"]) == (400, "python_missing", "python_version")
    found = api(bob).post(IMPORT, body | {"python_version": "3.11"})
    assert found.json() == {
        "entry_script": "score.py",
        "source_directory": "",
        "description": "",
        "environment": "mine:1",
        "environment_variables": {},
        "warnings": ["enableGpu has no effect: no GPU is reserved; a script uses one that its packages find."],
    }
    assert api(carol).post(IMPORT, body).status_code == 403
    assert api(bob).post(IMPORT, {"inferenceconfig": [1]}).status_code == 400
