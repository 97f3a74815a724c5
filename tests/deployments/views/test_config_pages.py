import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from deployments.config import configs
from deployments.models import ConfigFile, InferenceConfig
from registry.environments import environments
from registry.environments.interpreters import own
from registry.models import Environment, Upload
from registry.store import artifacts
from registry.store.artifacts import open_artifact
from studio.accounts.models import Workspace
from studio.sandbox.current import current_walls
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_artifact, make_upload, make_version

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
        environment_variables={"LEVEL": "top-secret"},
        description="Scores irises",
    )


@pytest.fixture
def other_workspace_file(alice):
    other = Workspace.objects.create(name="Other", slug="other")
    config = InferenceConfig.objects.create(workspace=other, name="theirs", number=1, kind="entry_script")
    return ConfigFile.objects.create(config=config, path="secret.py", artifact=make_artifact(b"x = 1"))


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


def test_check_compares_the_model_path_and_shows_what_the_environment_has(workspace, bob, sign_in, form):
    make_version(workspace, "grapes", files={"model.pkl": b"x"})
    Environment.objects.filter(name="own").update(lock="joblib==1.5.0 \\\n    --hash=sha256:00\nnumpy==2.4.0\n")
    script = SCRIPT + 'import os\nmodel = os.path.join(os.environ["AZUREML_MODEL_DIR"], "modle.pkl")\n'
    text = sign_in(bob).post(f"{HERE}new/check/", form | {"script": script, "model": "grapes:1"}).content.decode()
    assert "looks for modle.pkl in AZUREML_MODEL_DIR, and grapes:1 has no such file" in text
    assert "Packages of own:1" in " ".join(text.split())
    assert "<li>joblib==1.5.0</li><li>numpy==2.4.0</li>" in text.replace("\n", "")


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
    from deployments.views.composer_start import SCRIPT as START

    findings = sign_in(bob).post(f"{HERE}new/check/", form | {"script": START}).content.decode()
    assert 'data-tone="bad"' not in findings


def test_form_is_prefilled_from_another_version(bob, sign_in, config):
    text = page(sign_in(bob), f"{HERE}new/?from=iris-score:1")
    assert "return json.loads(data)" in text
    assert '<option value="own:1" selected>' in text


def test_new_version_of_a_config_keeps_files_that_cannot_be_edited(workspace, bob, sign_in, environment):
    files = {"score.py": SCRIPT.encode(), "features.py": b"x = 1\n", "icon.bin": b"\0\1", "latin.txt": b"\xe9"}
    configs.create(
        workspace=workspace,
        actor=bob,
        name="iris-score",
        kind="entry_script",
        entry_script="score.py",
        files=files,
        environment=environment,
    )
    client = sign_in(bob)
    form = client.get(f"{HERE}new/?from=iris-score:1").context["form"]
    assert form.texts == [("features.py", "x = 1\n")]
    assert {file.path for file in form.kept} == {"icon.bin", "latin.txt"}
    sent = {name: form[name].value() for name in ("kind", "name", "entry_script", "script", "environment")}
    sent |= {"path": ["features.py"], "text": ["x = 2\r\n"], "kept": [str(file.pk) for file in form.kept]}
    assert client.post(f"{HERE}new/", sent).url == f"{HERE}iris-score/2/"
    made = InferenceConfig.objects.get(number=2)
    contents = {file.path: open_artifact(file.artifact).read() for file in made.files.select_related("artifact")}
    assert contents == files | {"features.py": b"x = 2\n"}


def test_files_of_other_workspaces_are_ignored(bob, sign_in, form, other_workspace_file):
    sign_in(bob).post(f"{HERE}new/", form | {"kept": [str(other_workspace_file.pk)]})
    assert list(InferenceConfig.objects.get(name="iris-score").files.values_list("path", flat=True)) == ["score.py"]


def test_two_files_with_one_path_are_rejected(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"path": ["score.py"], "text": ["x = 1"]})
    assert answer.status_code == 422
    assert "Two files are called score.py." in answer.content.decode()


def test_add_file_button_works_without_javascript(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"add_file": "1", "path": ["a.py"], "text": ["x = 1"]})
    assert answer.status_code == 200
    assert answer.context["form"].texts == [("a.py", "x = 1"), ("", "")]
    assert not InferenceConfig.objects.exists()


# --- the environment, made in place ---------------------------------------------------------------


def test_new_environment_is_created_with_the_config(bob, sign_in, form):
    sent = form | {"environment": "+", "requirements": "xgboost==3.0.0\n", "script": "import xgboost\n" + SCRIPT}
    assert sign_in(bob).post(f"{HERE}new/", sent).status_code == 302
    assert str(InferenceConfig.objects.get().environment) == "iris-score:1"
    assert Environment.objects.get(name="iris-score").requirements == ["xgboost==3.0.0"]


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"requirements": "-r other.txt"}, "requirements", "cannot be included"),
        ({"requirements": "", "script": "def init(): ..."}, "entry_script", "defines no run()"),
        ({"python_version": "3.4"}, "python_version", "is not installed on this machine"),
    ],
)
def test_rejected_config_creates_no_environment(bob, sign_in, form, changes, field, told):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"environment": "+"} | changes)
    assert answer.status_code == 422
    assert told in answer.context["form"].errors[field][0]
    assert not Environment.objects.filter(name="iris-score").exists()


def test_missing_imports_are_offered_as_a_new_environment(bob, sign_in, form):
    script = "import cv2, joblib, numpy, xgboost\n" + SCRIPT
    client = sign_in(bob)
    checked = " ".join(client.post(f"{HERE}new/check/", form | {"script": script}).content.decode().split())
    assert "New environment with opencv-python-headless, xgboost" in checked
    answer = client.post(f"{HERE}new/", form | {"script": script, "new_environment": "1"})
    assert answer.status_code == 200
    shown = answer.context["form"]
    assert shown["environment"].value() == "+"
    assert shown["requirements"].value().split() == ["joblib", "opencv-python-headless", "xgboost"]
    assert [finding.level for finding in answer.context["findings"]] == ["ok", "ok", "ok"]
    assert not Environment.objects.filter(name="iris-score").exists()


def test_composer_preselects_the_curated_environment(bob, sign_in):
    assert '<option value="slipway-runtime:1" selected>' in page(sign_in(bob), f"{HERE}new/")


# --- a script for a version, and back to its deployment -------------------------------------------


@pytest.fixture
def grapes(workspace, bob):
    facts = {"format": "pickle", "main_file": "model.pkl", "globals": ["sklearn.svm._classes.SVC"]}
    files = {"model.pkl": b"x"}
    return make_version(workspace, "grapes", user=bob, files=files, framework_version="1.7.2", facts=facts)


def test_composer_for_a_version_is_prefilled_and_redirects_to_its_deployment(bob, sign_in, grapes):
    client = sign_in(bob)
    form = client.get(f"{HERE}new/?for=grapes:1").context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    assert (sent["name"], sent["environment"], sent["requirements"]) == ("grapes", "+", "scikit-learn==1.7.2")
    answer = client.post(f"{HERE}new/?for=grapes:1", sent)
    assert answer.url == "/w/vision/deploy/?version=grapes%3A1&config=grapes%3A1"
    assert str(InferenceConfig.objects.get().environment) == "grapes:1"
    deploying = client.get(answer.url).context["form"]
    assert (deploying["models"].value(), deploying["config"].value()) == ("grapes:1", "grapes:1")


def test_composer_for_a_version_reuses_an_equal_environment(workspace, bob, sign_in, grapes):
    environments.define(
        workspace=workspace, actor=bob, name="sk", python_version=own().minor, requirements=["scikit-learn==1.7.2"]
    )
    form = sign_in(bob).get(f"{HERE}new/?for=grapes:1").context["form"]
    assert form["environment"].value() == "sk:1"


def test_config_page_links_to_a_deployment_of_the_model_of_its_name(workspace, bob, carol, sign_in, config):
    make_version(workspace, "iris-score", files={"model.pkl": b"x"})
    make_version(workspace, "iris-score", files={"model.pkl": b"y"})
    assert "/w/vision/deploy/?config=iris-score%3A1" in page(sign_in(bob), f"{HERE}iris-score/1/")
    form = sign_in(bob).get("/w/vision/deploy/?config=iris-score:1").context["form"]
    assert (form["models"].value(), form["config"].value()) == ("iris-score:2", "iris-score:1")
    assert "/deploy/" not in page(sign_in(carol), f"{HERE}iris-score/1/")


# --- dry run --------------------------------------------------------------------------------------


def trial(client, form, **changes):
    answer = client.post(f"{HERE}new/trial/", form | {"environment": "slipway-runtime:1", "sample": "[1, 2]"} | changes)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_dry_run_shows_the_response_to_the_sample_request(bob, sign_in, form):
    told = trial(sign_in(bob), form, sample='{"größe": 1}', script='print("loading")\n' + SCRIPT)
    assert "200 </span> start" in told
    assert "&quot;größe&quot;: 1" in told
    assert "loading" in told
    assert not InferenceConfig.objects.exists()


def test_dry_run_works_without_javascript(bob, sign_in, form):
    answer = sign_in(bob).post(f"{HERE}new/", form | {"try": "1", "environment": "slipway-runtime:1", "sample": "[7]"})
    assert answer.status_code == 200
    assert answer.context["trial"].report.body == "[7]"
    assert not InferenceConfig.objects.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"script": "def init():\n    raise ValueError('no weights')\n\ndef run(data): ...\n"}, "no weights"),
        ({"script": "def init(): ...\n\ndef run(data):\n    return 1 / 0\n"}, "ZeroDivisionError"),
        ({"script": "import no_such_module\n" + SCRIPT}, "The environment lacks a module"),
        ({"script": "import os\n" + SCRIPT.replace("def init(): ...", "def init(): os._exit(7)")}, "exit status 7"),
        ({"script": "def init(): ..."}, "The check above finds errors."),
        ({"environment": "own:1"}, "own:1 has not been made yet"),
        ({"kind": "no_code"}, "The check above finds errors."),
        ({"entry_script": "../x.py"}, "would leave its folder"),
    ],
)
def test_failed_dry_run_shows_its_cause(bob, sign_in, form, changes, told):
    assert told in trial(sign_in(bob), form, **changes)


def test_dry_run_is_ended_at_its_time_limit(bob, sign_in, form, monkeypatch):
    monkeypatch.setattr("deployments.services.dry_run.SECONDS", 0.1)
    assert "took longer than 0.1 s" in trial(sign_in(bob), form)


def test_dry_run_gets_copies_of_the_model_files(workspace, bob, sign_in, form, settings):
    version = make_version(workspace, "grapes", files={"model.pkl": b"weights"}, folder="export")
    script = (
        "import os\n\ndef init():\n    global found\n    root = os.environ['AZUREML_MODEL_DIR']\n"
        "    path = os.path.join(root, 'model.pkl')\n"
        "    found = [open(path).read(), open(os.path.join(root, 'export', 'model.pkl')).read()]\n"
        "    try:\n        os.chmod(path, 0o600)\n        open(path, 'w').write('spoilt')\n    except OSError:\n"
        "        pass\n\ndef run(data):\n    return found\n"
    )
    assert "&quot;weights&quot;, &quot;weights&quot;" in trial(sign_in(bob), form, script=script, model="grapes:1")
    assert open_artifact(version.files.get().artifact).read() == b"weights"
    assert not list(artifacts.incoming().iterdir())


def test_dry_run_does_not_inherit_environment_variables(bob, sign_in, form, monkeypatch):
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "do-not-tell")
    script = "import os\n\ndef init(): ...\n\ndef run(data):\n    return sorted(os.environ.values())\n"
    assert "do-not-tell" not in trial(sign_in(bob), form, script=script)


def test_dry_run_has_the_variables_of_the_form(bob, sign_in, form):
    script = "import os\n\ndef init(): ...\n\ndef run(data):\n    return os.environ['LEVEL']\n"
    assert "verbose-level" in trial(sign_in(bob), form, script=script, environment_variables="LEVEL=verbose-level")


@pytest.mark.skipif(current_walls().level == "none", reason="this machine offers no walls")
def test_dry_run_stands_behind_the_walls_of_services(bob, sign_in, form, settings):
    secret = settings.DATA_DIR / "secret.txt"
    secret.write_text("do-not-tell")
    script = (
        "def init(): ...\n\ndef run(data):\n    try:\n"
        f"        return open({str(secret)!r}).read()\n"
        "    except OSError as error:\n        return type(error).__name__\n"
    )
    shown = trial(sign_in(bob), form, script=script)
    assert "200 </span> start" in shown
    assert "do-not-tell" not in shown


def test_viewer_cannot_start_a_dry_run(carol, sign_in, form):
    assert sign_in(carol).post(f"{HERE}new/trial/", form).status_code == 403


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
    assert "created the inference config" in page(client, f"{HERE}iris-score/1/?tab=activity")


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


def test_environment_variables_are_kept_and_hidden_from_viewers(bob, carol, sign_in, form):
    sign_in(bob).post(f"{HERE}new/", form | {"environment_variables": "LEVEL=top-secret\nB=2"})
    assert InferenceConfig.objects.get().environment_variables == {"LEVEL": "top-secret", "B": "2"}
    assert "top-secret" in page(sign_in(bob), f"{HERE}iris-score/1/")
    for address in (f"{HERE}iris-score/1/", f"{HERE}iris-score/1/inferenceconfig.json"):
        shown = page(sign_in(carol), address)
        assert "LEVEL" in shown
        assert "top-secret" not in shown


def test_invalid_environment_variable_is_reported_at_its_field(bob, sign_in, form):
    for text, message in (("LEVEL", "has no"), ("AZUREML_MODEL_DIR=/tmp", "Slipway sets it")):
        answer = sign_in(bob).post(f"{HERE}new/", form | {"environment_variables": text})
        assert answer.status_code == 422
        assert message in answer.content.decode()


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
    assert shown["files"] == [{"path": "score.py", "size": len(SCRIPT), "sha256": upload.artifact_id, "damaged": False}]
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


def test_variable_values_are_hidden_from_viewers_over_rest(bob, carol, api, config):
    for address in (f"{API}/iris-score:1", f"{API}/iris-score:1/inferenceconfig", API):
        assert "top-secret" in api(bob).get(address).content.decode()
        seen = api(carol).get(address).content.decode()
        assert "LEVEL" in seen
        assert "top-secret" not in seen


def test_delete_page_asks_and_deletes_an_unused_config(bob, sign_in, config):
    client = sign_in(bob)
    address = f"{HERE}iris-score/1/delete/"
    assert f'action="{address}"' in client.get(f"{HERE}iris-score/1/").content.decode()
    assert "Delete iris-score:1</button>" in client.get(address).content.decode()
    assert InferenceConfig.objects.filter(pk=config.pk).exists()

    answer = client.post(address)

    assert answer.url == HERE
    assert not InferenceConfig.objects.filter(pk=config.pk).exists()


def test_delete_page_of_a_used_config_names_its_services_and_deletes_nothing(
    bob, sign_in, workspace, config, iris, fake
):
    deploy(workspace, bob, iris, name="flowers", config=config, target=fake.target)
    client = sign_in(bob)

    asked = client.get(f"{HERE}iris-score/1/delete/")
    answer = client.post(f"{HERE}iris-score/1/delete/")

    assert "iris-score:1 is in use by flowers." in asked.content.decode()
    assert "Delete iris-score:1</button>" not in asked.content.decode()
    assert answer.status_code == 409
    assert InferenceConfig.objects.filter(pk=config.pk).exists()


def test_delete_page_of_a_used_environment_names_its_configs_and_deletes_nothing(bob, sign_in, config, environment):
    client = sign_in(bob)

    asked = client.get("/w/vision/environments/own/1/delete/")
    answer = client.post("/w/vision/environments/own/1/delete/")

    assert "own:1 is in use by iris-score:1." in asked.content.decode()
    assert "Delete own:1</button>" not in asked.content.decode()
    assert answer.status_code == 409
    assert Environment.objects.filter(pk=environment.pk).exists()
