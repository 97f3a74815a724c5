import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from deployments.config import configs, inference_config_json
from deployments.models import InferenceConfig
from registry.environments import environments
from registry.models import Environment, Upload
from studio.core.errors import BadInput
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_upload

pytestmark = pytest.mark.django_db
HERE = "/w/vision/configs/"
API = "/api/v1/workspaces/vision/configs"
SCRIPT = "import json\n\ndef init(): ...\n\ndef run(data):\n    return json.loads(data)\n"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def environment(workspace, bob):
    return environments.define(
        workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["joblib"]
    )


@pytest.fixture
def form(environment):
    return {
        "kind": "entry_script",
        "name": "iris-score",
        "entry_script": "score.py",
        "script": SCRIPT,
        "environment": "own:1",
    }


@pytest.fixture
def config(workspace, bob, environment):
    return configs.create(
        workspace=workspace,
        actor=bob,
        name="iris-score",
        kind="entry_script",
        entry_script="score.py",
        files={"score.py": SCRIPT.encode(), "icon.bin": b"\0\1"},
        environment=environment,
        description="Scores irises",
    )


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


# --- compose --------------------------------------------------------------------------------------


def test_config_is_created_with_the_form(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form)
    assert (answer.status_code, answer.url) == (302, f"{HERE}iris-score/1/")
    config = InferenceConfig.objects.get()
    assert (config.entry_script, str(config.environment), config.created_by) == ("score.py", "own:1", bob)
    assert config.files.get().path == "score.py"


def test_files_are_taken_from_uploads_and_from_the_form(workspace, bob, sign_in, form):
    upload = make_upload(workspace, bob, "package/model.py", b"x = 1")
    sent = SimpleUploadedFile("labels.txt", b"setosa")
    sign_in(bob).post(f"{HERE}new/", form | {"uploads": [str(upload.pk)], "files": [sent]})
    paths = InferenceConfig.objects.get().files.values_list("path", flat=True)
    assert list(paths) == ["labels.txt", "package/model.py", "score.py"]


def test_the_script_may_be_among_the_files(workspace, bob, sign_in, form):
    upload = make_upload(workspace, bob, "score.py", SCRIPT.encode())
    answer = sign_in(bob).post(f"{HERE}new/", form | {"script": "", "uploads": [str(upload.pk)]})
    assert answer.status_code == 302


def test_no_code_config_needs_no_more_fields(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"kind": "no_code"})
    assert answer.status_code == 302
    config = InferenceConfig.objects.get()
    assert (config.kind, config.environment, config.files.count()) == ("no_code", None, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"script": "def init(\n"}, "no valid Python"),
        ({"script": "def init(): ..."}, "defines no run()"),
        ({"script": ""}, "is not among the files"),
        ({"entry_script": "../score.py"}, "would leave its folder"),
        ({"environment": ""}, "needs an environment"),
        ({"environment": "theirs:1"}, "Select a valid choice"),
        ({"name": "a b"}, "cannot be used as a name"),
        ({"kind": "magic"}, "Select a valid choice"),
    ],
)
def test_rejected_config_is_explained_and_kept_in_the_form(workspace, bob, sign_in, form, changes, message):
    upload = make_upload(workspace, bob, "helper.py", b"x = 1")
    answer = sign_in(bob).post(f"{HERE}new/", form | {"description": "kept", "uploads": [str(upload.pk)]} | changes)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert message in text.replace("&#x27;", "'")
    assert 'value="kept"' in text
    assert str(upload.pk) in text
    assert not InferenceConfig.objects.exists()


def test_uploads_of_others_and_invalid_ids_are_rejected(workspace, bob, alice, sign_in, form):
    theirs = make_upload(workspace, alice, "secret.py", b"x = 1")
    assert sign_in(bob).post(f"{HERE}new/", form | {"uploads": [str(theirs.pk)]}).status_code == 422
    assert sign_in(bob).post(f"{HERE}new/", form | {"uploads": ["../etc/passwd"]}).status_code == 302
    assert Upload.objects.filter(pk=theirs.pk).exists()


def test_check_returns_a_fragment_and_saves_nothing(bob, sign_in, form):
    text = sign_in(bob).post(f"{HERE}new/check/", form | {"script": SCRIPT + "import cv2\n"}).content.decode()
    assert "init() is there" in text
    assert "opencv-python-headless" in text
    assert "<html" not in text
    assert not InferenceConfig.objects.exists()
    assert not Upload.objects.exists()


def test_check_accepts_any_form_content(bob, sign_in, form):
    client = sign_in(bob)
    for nonsense in ({}, {"kind": "entry_script"}, form | {"entry_script": "../x"}, form | {"uploads": ["x", "y"]}):
        assert client.post(f"{HERE}new/check/", nonsense).status_code == 200


def test_check_works_without_javascript(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"check": "1", "script": "def init(): ..."})
    assert "defines no run()" in answer.content.decode()
    assert not InferenceConfig.objects.exists()


def test_template_script_passes_the_check(bob, sign_in, form):
    text = page(sign_in(bob), f"{HERE}new/?environment=slipway-runtime:1")
    assert "def init():" in text
    assert '<option value="slipway-runtime:1" selected>' in text
    from deployments.views.config_form import SCRIPT as START

    findings = sign_in(bob).post(f"{HERE}new/check/", form | {"script": START}).content.decode()
    assert 'data-tone="bad"' not in findings


def test_form_is_prefilled_from_another_version(bob, sign_in, config):
    text = page(sign_in(bob), f"{HERE}new/?from=iris-score:1")
    assert "return json.loads(data)" in text
    assert '<option value="own:1" selected>' in text


# --- look -----------------------------------------------------------------------------------------


def test_empty_list_shows_the_next_step(bob, sign_in):
    assert "No inference configs yet" in page(sign_in(bob), HERE)


def test_the_list_shows_the_newest_version_of_each(workspace, bob, sign_in, config, environment):
    configs.create(workspace=workspace, actor=bob, name="plain", kind="no_code")
    text = page(sign_in(bob), HERE)
    assert "iris-score:1" in text
    assert "plain:1" in text
    assert "own:1" in text


def test_the_page_shows_script_files_and_use(workspace, bob, sign_in, config, iris, fake):
    deploy(workspace, bob, iris, name="flowers", config=config, target=fake.target)
    client = sign_in(bob)
    text = page(client, f"{HERE}iris-score/1/")
    assert "return json.loads(data)" in text
    assert "flowers" in text
    files = page(client, f"{HERE}iris-score/1/?tab=files")
    assert "icon.bin" in files
    assert "Not a text file" in files
    assert "Inference config created" in page(client, f"{HERE}iris-score/1/?tab=activity")


def test_viewers_can_only_read(carol, sign_in, config, form):
    client = sign_in(carol)
    assert "New config" not in page(client, HERE)
    assert "New version" not in page(client, f"{HERE}iris-score/1/")
    page(client, f"{HERE}new/", status=403)
    assert client.post(f"{HERE}new/", form).status_code == 403
    assert client.post(f"{HERE}new/check/", form).status_code == 403
    assert client.post(f"{HERE}new/import/", {"inferenceconfig": "{}"}).status_code == 403


def test_pages_are_not_found_for_non_members(mallory, sign_in, config):
    page(sign_in(mallory), f"{HERE}iris-score/1/", status=404)
    page(sign_in(mallory), "/w/elsewhere/configs/iris-score/1/", status=404)


# --- Azure's file ---------------------------------------------------------------------------------

AZURE = {
    "entryScript": "score.py",
    "environment": {
        "name": "imported-env",
        "python": {"condaDependencies": {"dependencies": ["python=3.11", {"pip": ["joblib"]}]}},
    },
}


def test_exported_config_can_be_imported(bob, workspace, sign_in, config):
    answer = sign_in(bob).get(f"{HERE}iris-score/1/inferenceconfig.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="inferenceconfig.json"'
    given = inference_config_json.read(answer.content.decode())
    assert (given.entry_script, given.description) == ("score.py", "Scores irises")
    assert inference_config_json.environment_of(given, workspace, bob) == "own:1"


def test_import_defines_the_environment_and_opens_the_form(bob, sign_in):
    answer = sign_in(bob).post(f"{HERE}new/import/", {"inferenceconfig": json.dumps(AZURE)})
    assert answer.status_code == 302
    assert "environment=imported-env%3A1" in answer.url
    assert Environment.objects.get(name="imported-env").requirements == ["joblib"]
    assert '<option value="imported-env:1" selected>' in page(sign_in(bob), answer.url)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_any_encoding_can_be_imported(bob, sign_in, encoding):
    file = SimpleUploadedFile("inferenceconfig.json", json.dumps(AZURE | {"description": "größer"}).encode(encoding))
    answer = sign_in(bob).post(f"{HERE}new/import/", {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    assert Environment.objects.get(name="imported-env").requirements == ["joblib"]


@pytest.mark.parametrize("text", ["", json.dumps(AZURE)])
def test_import_accepts_text_or_a_file(bob, sign_in, text):
    given = {"inferenceconfig": text}
    if text:
        given["file"] = SimpleUploadedFile("inferenceconfig.json", text.encode())
    answer = sign_in(bob).post(f"{HERE}new/import/", given)
    assert answer.status_code == 422
    assert "as text or as a file" in answer.content.decode()


def test_byte_order_mark_of_an_import_is_ignored():
    assert inference_config_json.read("\ufeff" + json.dumps(AZURE)).requirements == ["joblib"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"entryScript": "score.py"\n"environment": {}}', "no valid JSON in line 3"),
        ("[]", "one JSON object"),
        ("{}", "entryScript"),
        ('{"entryScript": "a.py", "condaFile": "env.yml"}', "condaFile"),
        ('{"entryScript": "a.py", "environment": "x"}', "must be an object"),
        ('{"entryScript": "a.py", "environment": {"name": "absent"}}', "no environment"),
        ("[" * 100_000, "JSON"),
        (
            json.dumps(AZURE | {"environment": {"python": {"condaDependencies": {"dependencies": ["numpy"]}}}}),
            "Conda packages cannot be installed: numpy",
        ),
        (
            json.dumps(AZURE | {"environment": {"python": {"condaDependencies": {"dependencies": ["python=3.6.2"]}}}}),
            "Python 3.6.2 is not installed on this machine; these are: ",
        ),
    ],
)
def test_a_file_that_cannot_be_imported_is_explained_and_kept(bob, sign_in, text, message):
    answer = sign_in(bob).post(f"{HERE}new/import/", {"inferenceconfig": text})
    assert answer.status_code == 422
    assert message in answer.content.decode().replace("&#x27;", "'")


def test_a_name_without_a_definition_means_an_environment_of_the_workspace(workspace, bob, environment):
    given = inference_config_json.read('{"entryScript": "score.py", "environment": {"name": "own"}}')
    assert inference_config_json.environment_of(given, workspace, bob) == "own:1"
    with pytest.raises(BadInput):
        inference_config_json.read('{"entryScript": 3}')


# --- REST -----------------------------------------------------------------------------------------


def test_configs_over_rest(workspace, bob, api, environment):
    upload = make_upload(workspace, bob, "score.py", SCRIPT.encode())
    client = api(bob)
    made = client.post(
        API,
        {
            "name": "own",
            "kind": "entry_script",
            "entry_script": "score.py",
            "files": [str(upload.pk)],
            "environment": "own:1",
        },
    )
    assert made.status_code == 201, made.json()
    shown = made.json()
    assert (shown["id"], shown["kind"], shown["environment"]) == ("own:1", "entry_script", "own:1")
    assert shown["files"] == [{"path": "score.py", "size": len(SCRIPT), "sha256": upload.artifact_id}]
    assert client.get(f"{API}/own:latest").json() == shown
    assert [row["id"] for row in client.get(API).json()["results"]] == ["own:1"]
    assert client.get(f"{API}/own:1/inferenceconfig").json()["entryScript"] == "score.py"


def test_rejected_config_over_rest_names_the_field_and_the_next_step(workspace, bob, api, environment):
    upload = make_upload(workspace, bob, "score.py", b"def init(): ...")
    given = {"name": "own", "kind": "entry_script", "entry_script": "score.py", "files": [str(upload.pk)]}
    answer = api(bob).post(API, given | {"environment": "own:1"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["attr"]) == (400, "entry_script")
    assert "defines no run()" in error["detail"]
    assert "def run(data)" in error["hint"]
    assert api(bob).post(API, given | {"environment": "absent"}).status_code == 404
    assert api(bob).post(API, given | {"files": ["x"], "environment": "own:1"}).status_code == 400


def test_roles_apply_over_rest(carol, mallory, api, config):
    assert api(carol).get(f"{API}/iris-score:1").status_code == 200
    assert api(carol).post(API, {"name": "x", "kind": "no_code"}).status_code == 403
    assert api(mallory).get(f"{API}/iris-score:1").status_code == 404
