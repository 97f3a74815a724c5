import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.config import configs
from deployments.config.entry_script import check_script
from deployments.config.imports import imports_of, own_modules
from deployments.config.sources import MAX_SCRIPT_BYTES
from deployments.models import InferenceConfig
from registry.environments import environments
from registry.models import Upload
from registry.store import uploads
from studio.activity.models import Event
from studio.core.errors import BadInput, NotFound
from tests.registry.factories import make_upload, make_version

pytestmark = pytest.mark.django_db
SCRIPT = b"import json\n\ndef init():\n    pass\n\ndef run(data):\n    return json.loads(data)\n"


@pytest.fixture
def environment(workspace, bob):
    return environments.define(
        workspace=workspace, actor=bob, name="sklearn", python_version="3.11", requirements=["scikit-learn"]
    )


@pytest.fixture
def create(workspace, bob, environment):
    def make(files=None, **changes):
        facts = {"name": "own", "kind": "entry_script", "entry_script": "score.py", "environment": environment}
        files = {"score.py": SCRIPT} if files is None else files
        return configs.create(workspace=workspace, actor=bob, files=files, **facts | changes)

    return make


@pytest.fixture
def check(environment):
    def found(script, *, where=environment, **files):
        content = {"score.py": script.encode(), **{f"{name}.py": text for name, text in files.items()}}
        return configs.check(kind="entry_script", entry_script="score.py", files=content, environment=where)

    return found


def codes(findings, level="error"):
    return [finding.code for finding in findings if finding.level == level]


# --- create ---------------------------------------------------------------------------------------


def test_versions_count_from_one_and_keep_their_files(create):
    first = create({"score.py": SCRIPT, "labels/names.txt": b"setosa"})
    assert [str(first), str(create()), str(create(name="other"))] == ["own:1", "own:2", "other:1"]
    assert list(first.files.values_list("path", flat=True)) == ["labels/names.txt", "score.py"]
    assert Event.objects.filter(action="config.created").count() == 3


def test_uploads_become_files_of_the_config_and_are_consumed(workspace, bob, create):
    upload = make_upload(workspace, bob, "score.py", SCRIPT)
    config = create([upload])
    assert config.files.get().artifact_id == upload.artifact_id
    assert not Upload.objects.exists()


@pytest.mark.parametrize("path", ["../score.py", "/etc/passwd", "a/../../b.py", "a\\b.py", "a\0.py", "", "x" * 501])
def test_a_path_that_leaves_its_folder_is_refused(create, path):
    with pytest.raises(BadInput) as refused:
        create({"score.py": SCRIPT, path: b"x"})
    assert refused.value.code == "unsafe_path"
    assert not InferenceConfig.objects.exists()


def test_file_paths_that_collide_are_rejected(create):
    with pytest.raises(BadInput):
        create({"score.py": SCRIPT, "Score.py": SCRIPT})
    with pytest.raises(BadInput):
        create({"score.py": SCRIPT, "data": b"x", "data/names.txt": b"y"})


def test_a_python_file_of_more_than_a_megabyte_is_refused(create):
    with pytest.raises(BadInput, match="may have 1,048,576"):
        create({"score.py": SCRIPT, "big.py": b"#" * (MAX_SCRIPT_BYTES + 1)})


def test_incomplete_upload_is_rejected(workspace, bob, create):
    half = uploads.begin(workspace, bob, "score.py", 100)
    with pytest.raises(BadInput, match="not arrived completely"):
        create([half])


def test_uploads_and_environments_of_another_workspace_are_refused(create, elsewhere, mallory):
    with pytest.raises(NotFound):
        create([make_upload(elsewhere, mallory, "score.py", SCRIPT)])
    theirs = environments.define(
        workspace=elsewhere, actor=mallory, name="theirs", python_version="3.11", requirements=[]
    )
    with pytest.raises(NotFound):
        create(environment=theirs)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"files": {}}, "script_missing"),
        ({"entry_script": "main.py"}, "script_missing"),
        ({"entry_script": ""}, "script_missing"),
        ({"entry_script": "../score.py"}, "script_missing"),
        ({"files": {"score.txt": SCRIPT}, "entry_script": "score.txt"}, "script_missing"),
        ({"files": {"score.py": b"def run(data): ..."}}, "init_missing"),
        ({"files": {"score.py": b"def init(): ..."}}, "run_missing"),
        ({"files": {"score.py": b"def init(:\n"}}, "syntax_error"),
        ({"files": {"score.py": b""}}, "init_missing"),
        ({"files": {"score.py": b"\xff\xfe\x00"}}, "syntax_error"),
        ({"environment": None}, "environment_missing"),
        ({"kind": "magic"}, "kind_unknown"),
        ({"kind": "no_code"}, "files_unused"),
    ],
)
def test_script_that_cannot_start_is_rejected(create, changes, code):
    with pytest.raises(BadInput) as refused:
        create(**changes)
    assert refused.value.code == code
    assert not InferenceConfig.objects.exists()


def test_syntax_error_is_reported_with_its_line(create):
    with pytest.raises(BadInput, match=r"score\.py, line 3: .*no valid Python") as refused:
        create({"score.py": b"import json\n\ndef init()\n    pass\n"})
    assert "line 3" in refused.value.evidence
    assert refused.value.field == "entry_script"


def test_check_does_not_execute_the_script(create, tmp_path):
    witness = tmp_path / "witness"
    create({"score.py": f"open({str(witness)!r}, 'w')\n".encode() + SCRIPT})
    assert not witness.exists()


@pytest.mark.parametrize("name", ["", "../up", "a b", "x" * 121])
def test_a_bad_name_is_refused(create, name):
    with pytest.raises(BadInput) as refused:
        create(name=name)
    assert refused.value.field == "name"


# --- the default ----------------------------------------------------------------------------------


def test_onnx_models_share_one_config_without_code(workspace, bob, iris):
    config = configs.default_for(iris, bob)
    assert (config.kind, config.environment, config.files.count()) == ("no_code", None, 0)
    assert configs.default_for(make_version(workspace, "digits"), bob) == config


def test_other_models_need_an_entry_script(workspace, bob):
    version = make_version(workspace, "pickled", files={"model.pkl": b"x"}, framework="scikit-learn")
    with pytest.raises(BadInput, match="needs a script") as refused:
        configs.default_for(version, bob)
    assert refused.value.code == "needs_entry_script"
    assert refused.value.hint


def test_a_config_is_found_by_name_number_and_latest(workspace, elsewhere, create):
    first, second = create(), create()
    assert configs.find(workspace, "own:1") == first
    assert configs.find(workspace, "own") == configs.find(workspace, "own:latest") == second
    for place, reference in ((workspace, "own:3"), (workspace, "own:one"), (elsewhere, "own:1")):
        with pytest.raises(NotFound):
            configs.find(place, reference)


# --- check: init and run --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        ("def run(data): ...", None),
        ("def run(data): return '\\d'", None),
        ("def run(data, request_headers): ...", None),
        ("def run(request_headers, data): ...", None),
        ("def run(raw, method='predict'): ...", None),
        ("def run(*, data): ...", None),
        ("@rawhttp\ndef run(request): ...", None),
        ("@input_schema('a', A)\n@input_schema('b', B)\ndef run(a, b): ...", None),
        ("@wrapped\ndef run(): ...", None),
        ("run = make_run()", None),
        ("from service import run", None),
        ("try:\n    from fast import run\nexcept ImportError:\n    def run(data): ...", None),
        ("def run(): ...", "takes no argument"),
        ("def run(request_headers): ...", "takes no argument"),
        ("def run(a, b): ...", "several arguments"),
        ("def run(a, *, b): ...", "several arguments"),
        ("def run(data, /): ...", "positional-only"),
        ("def run(*data): ...", "takes \\*args"),
        ("def run(data, **more): ...", "takes \\*args"),
        ("async def run(data): ...", None),
        ("async def run(): ...", "no argument"),
        ("class Service:\n    def run(self, data): ...", "defines no run"),
        ("def helper():\n    def run(data): ...", "defines no run"),
    ],
)
def test_run_must_accept_one_argument(run, fault):
    findings = check_script(f"def init(): ...\n{run}\n", "score.py")
    if fault is None:
        assert codes(findings) == []
    else:
        with pytest.raises(AssertionError, match=fault):
            raise AssertionError([finding.message for finding in findings if finding.level == "error"])


@pytest.mark.parametrize(
    ("init", "code"),
    [
        ("def init(): ...", None),
        ("def init(folder='/tmp'): ...", None),
        ("init = lambda: None", None),
        ("def init(folder): ...", "init_not_callable"),
        ("def init(*, folder): ...", "init_not_callable"),
        ("async def init(): ...", "init_not_callable"),
    ],
)
def test_init_must_accept_no_arguments(init, code):
    assert codes(check_script(f"{init}\ndef run(data): ...", "score.py")) == ([code] if code else [])


def test_findings_have_a_position(check):
    (found,) = [finding for finding in check("def init(): ...\n\ndef run(): ...") if finding.level == "error"]
    assert (found.place, found.tone) == ("score.py, line 3", "bad")


@given(st.binary(max_size=300))
def test_check_accepts_arbitrary_bytes(raw):
    check_script(raw, "score.py")


def test_check_accepts_deeply_nested_code(check):
    chain = "if x: pass\n" + "elif x: pass\n" * 2000
    deep = "x = " + "(" * 5000 + ")" * 5000
    for script in (chain, deep, "x = " + "+".join(["1"] * 20000)):
        assert "init_missing" in codes(check(script)) or "syntax_error" in codes(check(script))


# --- check: imports -------------------------------------------------------------------------------


def warnings(findings):
    return [finding.message for finding in findings if finding.level == "warning"]


def test_imports_provided_by_the_environment_are_accepted(check):
    script = (
        SCRIPT.decode() + "import sklearn.linear_model, numpy, joblib, os.path\nfrom mine import thing\nimport orjson"
    )
    assert "imports_covered" in codes(check(script, mine=b""), "ok")


def test_missing_import_is_a_warning_that_names_the_package(check, create):
    script = SCRIPT.decode() + "import cv2\nfrom PIL import Image\nimport yaml"
    told = " ".join(warnings(check(script)))
    assert "opencv-python-headless" in told
    assert "pillow" in told
    assert "pyyaml" in told
    assert create({"score.py": script.encode()})  # a warning does not block


def test_imports_are_checked_against_the_locked_packages(check, environment):
    environment.lock = "scikit-learn==1.7.0 \\\n    --hash=sha256:00\nnumpy==2.0 \\\n    --hash=sha256:00\n"
    (told,) = warnings(check(SCRIPT.decode() + "import sklearn, numpy, joblib"))
    assert "the environment has no joblib" in told


def test_curated_environment_provides_onnxruntime(check, workspace):
    found = check(SCRIPT.decode() + "import onnxruntime, numpy\nimport sklearnx", where=environments.curated(workspace))
    assert [finding.message for finding in found if finding.level == "warning"] == [
        "score.py imports sklearnx, and the environment has no sklearnx."
    ]


def test_imports_provided_by_the_scoring_server_are_accepted(check, environment):
    script = (
        "import azureml.core\nfrom azureml_inference_server_http.api.aml_request import rawhttp\n" + SCRIPT.decode()
    )
    assert codes(check(script), "warning") == []
    environment.lock = "numpy==2.4.6"
    assert codes(check(script), "warning") == []


def test_environment_with_an_uninstalled_python_is_rejected(create, environment):
    environment.python_version = "3.6.2"
    with pytest.raises(BadInput, match=r"Python 3\.6\.2 is not installed on this machine; these are: \d") as refused:
        create()
    assert (refused.value.code, refused.value.field) == ("python_missing", "environment")


@pytest.mark.parametrize(
    "line",
    ["import azureml.train.automl", "from azureml.train import automl", "from azureml.train.automl import constants"],
)
def test_unsupported_azureml_modules_are_named_with_their_package(check, line):
    (told,) = warnings(check(f"{line}\n{SCRIPT.decode()}"))
    assert told.startswith("score.py imports azureml.train.automl, and the environment")
    assert told.endswith(" azureml-train-automl-runtime.")


def test_module_of_batch_jobs_is_a_warning(check):
    (told,) = [one for one in check("import azureml_user\n" + SCRIPT.decode()) if one.level == "warning"]
    assert told.message == "score.py imports azureml_user, which is there in batch jobs only (ParallelRunStep)."
    assert told.hint == "A script for batches has no service here: write one with init() and run(data)."


def test_optional_and_relative_imports_are_not_checked():
    import ast

    text = (
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
        "if TYPE_CHECKING:\n    import typed\nfrom . import near\nfrom .near import it\n"
        "def run(data):\n    import late\n"
    )
    assert imports_of(ast.parse(text)) == {"late": 10}
    assert own_modules(["score.py", "package/a.py", "data.txt"]) == {"score", "package", "data.txt"}


def test_a_broken_file_beside_the_script_is_an_error_with_its_place(check):
    findings = check(SCRIPT.decode(), helper=b"def broken(:\n")
    (found,) = [finding for finding in findings if finding.level == "error"]
    assert found.place == "helper.py, line 1"


def test_source_files_in_uploads_are_checked(workspace, bob, environment):
    upload = make_upload(workspace, bob, "score.py", b"def init(): ...")
    findings = configs.check(
        kind="entry_script", entry_script="score.py", files={"score.py": upload}, environment=environment
    )
    assert "run_missing" in codes(findings)
