"""Stand-ins for modules of Azure's packages, and the hints of a start that fails for a missing module."""

import json
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from tests.scoring.script.test_entry_scripts_in_the_wild import Case, text

ASKING = """
import json, os, sys
{imports}

def init():
    pass

def run(data):
    return eval(data)
"""
NAMES = [
    "azureml.core:Model",
    "azureml.core.model:Model",
    "azureml.core:Run",
    "azureml.core:Workspace",
    "azureml.exceptions:WebserviceException",
    "azureml.contrib.services.aml_request:rawhttp",
    "azureml.contrib.services.aml_request:AMLRequest",
    "azureml.contrib.services.aml_response:AMLResponse",
    "azureml_inference_server_http.api.aml_request:rawhttp",
    "azureml_inference_server_http.api.aml_response:AMLResponse",
    "azureml.monitoring:ModelDataCollector",
    "azureml.monitoring.modeldatacollector:ModelDataCollector",
    "azureml.ai.monitoring:Collector",
    "azureml.ai.monitoring.collector:Collector",
    "azureml.ai.monitoring.context:BasicCorrelationContext",
    "azureml.ai.monitoring.context:get_context",
    "azureml.datacollector:ModelDataCollector",
    "azureml.assets.persistence.persistence:get_model_path",
    "sklearn.externals.joblib:load",
    "sklearn.externals:joblib",
]
MODELS = {
    "one.v1.pkl/1/one.pkl": text("first"),
    "one.v1.pkl/10/one.pkl": text("tenth"),
    "several/3/a.txt": text("a"),
    "several/3/b/c.txt": text("c"),
}


def asking(imports, **more):
    case = Case("constant", None, None, **more)
    return lambda replica: _install(case, replica, ASKING.format(imports=imports))


def _install(case, replica, script):
    case.install(replica)
    (replica.bundle / "source" / "score.py").write_text(script)
    return replica


@pytest.fixture(scope="module")
def server(shared_replica):
    imports = "from azureml.core import Model, Run, Workspace\nimport importlib"
    install = asking(imports, models=MODELS, beside={"local.txt": "beside"})
    return install(shared_replica).start()


@pytest.mark.parametrize("name", NAMES)
def test_the_names_can_be_imported(server, name):
    module, _, member = name.partition(":")
    asked = f"[getattr(m := __import__('{module}', fromlist=['{member}']), '{member}') is not None, m.__name__]"
    found, imported = server.score(asked).json()
    assert (found, imported) == (True, module if "joblib" not in module else "joblib")


def test_unknown_azureml_names_are_still_missing(server):
    assert "No module named 'azureml.train'" in server.score("__import__('azureml.train')").json()["message"]


def test_installed_package_takes_precedence(replica):
    """Part of one is here, as with azureml-core without azureml-monitoring: the rest is offered beside it."""
    real = {
        "azureml/__init__.py": "",
        "azureml/core/__init__.py": "class Model: real = True",
    }
    asking("from azureml.core import Model\nfrom azureml.monitoring import ModelDataCollector", beside=real)(
        replica
    ).start()
    assert replica.score("[Model.real, ModelDataCollector.__module__]").json() == [
        True,
        "scoring.script.compat.collector",
    ]


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        ("'one.v1.pkl'", "one.v1.pkl/10/one.pkl"),
        ("'one.v1.pkl', 1", "one.v1.pkl/1/one.pkl"),
        ("'one.v1.pkl', version='1'", "one.v1.pkl/1/one.pkl"),
        ("model_name='several', _workspace=None", "several/3"),
        ("'local.txt'", "local.txt"),
    ],
)
def test_model_path_is_found_by_name(server, asked, ending):
    assert server.score(f"Model.get_model_path({asked})").json().endswith(ending)


@pytest.mark.parametrize("asked", ["'other'", "'one.v1.pkl', 2", "''"])
def test_missing_model_is_named_with_the_existing_ones(server, asked):
    message = server.score(f"Model.get_model_path({asked})").json()["message"]
    assert "one.v1.pkl:1, one.v1.pkl:10, several:3" in message


def test_model_registered_as_a_folder_is_found_there(replica, tmp_path):
    models = {"m/1/f.pkl": text("f"), "m/1/model/f.pkl": text("f")}
    asking("from azureml.core import Model", models=models)(replica)
    described = replica.bundle / "bundle.json"
    described.write_text(described.read_text().replace('"version": 1', '"version": 1, "folder": "model"'))
    replica.start()
    assert replica.score("Model.get_model_path('m')").json().endswith("m/1/model")
    copied = replica.score(f"Model(name='m').download({str(tmp_path)!r})").json()
    assert (copied, [path.name for path in (tmp_path / "model").iterdir()]) == (str(tmp_path / "model"), ["f.pkl"])


def test_models_can_be_listed_and_copied(server, tmp_path):
    assert server.score("[m.id for m in Model.list(None)]").json() == ["one.v1.pkl:1", "one.v1.pkl:10", "several:3"]
    assert server.score("[m.version for m in Model.list(None, 'one.v1.pkl', latest=True)]").json() == [10]
    assert server.score(f"Model(None, id='one.v1.pkl:1').download({str(tmp_path)!r})").json() == str(
        tmp_path / "one.pkl"
    )
    assert (tmp_path / "one.pkl").read_text() == "first"


def test_workspace_raises_that_a_service_has_none(server):
    assert "no workspace" in server.score("Workspace.from_config()").json()["message"]


def test_old_pickles_find_joblib_in_scikit_learn(replica):
    def old(path):
        joblib.dump({"a": np.arange(3)}, path, protocol=2)
        path.write_bytes(path.read_bytes().replace(b"cjoblib.", b"csklearn.externals.joblib."))

    imports = "import joblib\nfrom azureml.core import Model"
    asking(imports, models={"old/1/old.pkl": old})(replica).start()
    assert b"sklearn.externals" in (replica.bundle / "models/old/1/old.pkl").read_bytes()
    assert replica.score("joblib.load(Model.get_model_path('old'))['a'].tolist()").json() == [0, 1, 2]


LOADING = "import os, pickle\ndef init():\n    global m\n    m = pickle.load(open(os.environ['AZUREML_MODEL_DIR'] + '/m.pkl', 'rb'))\n{more}\ndef run(data):\n    return str(m)\n"  # fmt: skip  # noqa: E501


def aged(version, *, broken=False):
    """A pickle that says it was made by another scikit-learn, and one that needs a module of that time."""

    def make(path):
        here = sklearn.__version__.encode()
        raw = pickle.dumps(LogisticRegression().fit([[0], [1]], [0, 1]), protocol=4)
        assert bytes([len(here)]) + here in raw
        raw = raw.replace(b"\x8c" + bytes([len(here)]) + here, b"\x8c" + bytes([len(version)]) + version.encode())
        if broken:
            raw = raw.replace(b"sklearn.linear_model._logistic", b"sklearn.linear_model.logistic_")
        path.write_bytes(raw[:2] + raw[11:] if raw[2] == 0x95 else raw)  # without the frame, whose size has changed

    return make


def loading(replica, model, more=""):
    return _install(Case("constant", None, None, models={"old/1/m.pkl": model}), replica, LOADING.format(more=more))


def test_log_names_the_versions_that_made_and_load_a_model(replica):
    loading(replica, aged("1.0.2")).start()
    expected = f"made by scikit-learn 1.0.2, and {sklearn.__version__} is installed: ask for scikit-learn==1.0.2"
    assert expected in replica.log()


def test_failed_start_with_an_old_model_names_both_versions(replica):
    failure = loading(replica, aged("0.24.1"), "    m.missing").fail_to_start()
    assert failure["reason"] == "init_failed"
    assert f"made by scikit-learn 0.24.1, and {sklearn.__version__} is installed" in failure["message"]
    assert failure["hint"].startswith("Ask for scikit-learn==0.24.1 in the environment's requirements")
    assert "choose an older Python, or bring the model (train and register it again) up to date" in failure["hint"]
    assert "m.pkl" in failure["evidence"]


def test_model_that_needs_a_removed_module_names_the_version(replica):
    failure = loading(replica, aged("0.21.3", broken=True)).fail_to_start()
    assert failure["reason"] == "import_missing"
    assert "sklearn.linear_model.logistic_" in failure["message"]
    assert "ask for scikit-learn==0.21.3" in failure["message"]
    assert "choose an older Python, or bring the script, or the model that it loads, up to date" in failure["hint"]


@pytest.mark.parametrize(
    "raising",
    [
        "    os.environ['VAULT_URL']",
        "    try: os.environ['VAULT_URL']\n    except KeyError as error: raise RuntimeError('no vault') from error",
    ],
)
def test_missing_environment_variable_is_named_in_the_hint(replica, raising):
    failure = loading(replica, aged(sklearn.__version__), raising).fail_to_start()
    assert failure["reason"] == "init_failed"
    assert failure["hint"].startswith("Set VAULT_URL when you deploy: --env VAULT_URL=VALUE")


def test_other_key_errors_are_not_taken_for_missing_variables(replica):
    failure = loading(replica, aged(sklearn.__version__), "    {}['VAULT_URL']").fail_to_start()
    assert failure["message"].endswith("KeyError: 'VAULT_URL'")
    assert "hint" not in failure


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import cv2", "add opencv-python-headless to its packages"),
        ("from skimage import io", "add scikit-image to its packages"),
        ("import azureml.automl.core", "add azureml-automl-runtime to its packages"),
        ("import azureml.data", "which stand in for azureml-core, have no such part"),
        ("from azureml.core import Dataset", "which stand in for azureml-core, have no such part"),
        ("import azureml.train.automl", "add azureml-train-automl-runtime to its packages"),
        ("import azureml_user", "it is there in batch jobs only (ParallelRunStep)"),
        ("import no_such_thing.deep", "add no-such-thing to its packages"),
        ("from sklearn import no_such_part", "has no such part"),
        ("import numpy.no_such_part", "The installed numpy"),
        ("from google.no_such_thing import deep", "add google-no-such-thing to its packages"),
    ],
)
def test_missing_module_names_its_package(replica, line, words):
    failure = asking(line)(replica).fail_to_start()
    assert (failure["reason"], words in failure["message"]) == ("import_missing", True), failure["message"]


@pytest.fixture
def records(monkeypatch):
    """What scripts collect."""
    from scoring.core import collecting

    kept = []
    monkeypatch.setattr(collecting, "_sinks", [kept.append])
    return kept


def test_collected_data_reaches_the_sink_with_columns_and_correlation(monkeypatch):
    from scoring.core import collecting
    from scoring.script.compat.collector import ModelDataCollector

    records = []
    monkeypatch.setattr(collecting, "_sinks", [records.append])
    monkeypatch.setenv("SERVICE_NAME", "iris")
    inputs = ModelDataCollector("prices", designation="inputs", feature_names=["a", "b"], model_version="3")
    correlations = inputs.collect([[1, 2], [3, 4]], user_correlation_id="me")
    predictions = ModelDataCollector("prices", "predictions", ["price"])
    rows = predictions.add_correlations([[5], [6]], correlations)
    assert predictions.collect(rows) is None
    assert records[0]["rows"] == [[1, 2], [3, 4]]
    assert (records[0]["columns"], records[0]["version"]) == (["a", "b"], "3")
    assert records[0]["correlation"]["$aml_dc_correlation_id"].startswith("me-")
    assert correlations["$aml_service_name"] == "iris"
    assert records[1]["rows"][1][:2] == [6, correlations["$aml_dc_correlation_id"]]
    assert json.dumps(records)


@pytest.mark.parametrize(
    ("given", "named", "designation", "collection"),
    [
        (("m",), {"identifier": "inputs", "feature_names": ["a"]}, "inputs", "inputs"),
        (("m",), {"identifier": "prediction"}, "predictions", "prediction"),
        (("m",), {"identifier": "raw"}, "general", "raw"),
        (("m", "labels", ["a"], "w", "s", "3", "c"), {}, "labels", "c"),
        (("m",), {"designation": "signals", "identifier": "raw"}, "signals", "default"),
        (("m",), {}, "general", "default"),
    ],
)
def test_identifier_is_read_like_a_designation(records, given, named, designation, collection):
    from scoring.script.compat.collector import ModelDataCollector

    ModelDataCollector(*given, **named).collect([1])
    assert (records[0]["designation"], records[0]["collection"]) == (designation, collection)


@pytest.mark.parametrize("kind", ["list", "numpy", "rows of numpy", "pandas"])
def test_rows_are_collected_from_lists_arrays_and_frames(monkeypatch, kind):
    import pandas as pd

    from scoring.core import collecting
    from scoring.script.compat.collector import ModelDataCollector

    records = []
    monkeypatch.setattr(collecting, "_sinks", [records.append])
    array, frame = np.array([1.5, 2.5]), pd.DataFrame({"x": [1.5], "y": [2.5]})
    data = {"list": [1.5, 2.5], "numpy": array, "rows of numpy": [array], "pandas": frame}[kind]
    collector = ModelDataCollector("m", "signals")
    collector.collect(data)
    assert records[0]["rows"] == [[1.5, 2.5]]
    assert records[0]["columns"] == (["x", "y"] if kind == "pandas" else None)
    joined = collector.add_correlations(data, {"$id": 7})
    assert np.asarray(joined, dtype=object).reshape(-1).tolist() == [1.5, 2.5, 7]


def test_unknown_designation_is_named():
    from scoring.script.compat.collector import ModelDataCollector

    with pytest.raises(ValueError, match="inputs, predictions"):
        ModelDataCollector("m", "everything")
