"""The sample models match their cards, and one button registers them like any other model."""

import json
import re

import numpy as np
import pytest
from django.urls import reverse
from sklearn import datasets

from registry.models import ModelVersion
from registry.search.search import search_models
from registry.versions import samples
from registry.versions.samples import FOLDER
from samples.training import split

ort = pytest.importorskip("onnxruntime")
DATA = {
    "iris": datasets.load_iris,
    "digits": datasets.load_digits,
    "breast-cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
ENTRIES = {entry["name"]: entry for entry in samples.manifest()}
ONNX = [name for name, entry in ENTRIES.items() if entry["files"] == ["model.onnx"]]


def predictions(name, rows):
    session = ort.InferenceSession(FOLDER / name / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {"features": np.asarray(rows, dtype=np.float32)})


@pytest.mark.parametrize("name", [name for name in ONNX if name != "diabetes"])
def test_accuracy_of_a_classifier_is_that_of_its_card(name):
    _, held_out, _, answers = split(DATA[name]())
    labels, probabilities = predictions(name, held_out)
    assert np.mean(labels == answers) == pytest.approx(ENTRIES[name]["properties"]["accuracy"], abs=0.001)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_error_of_the_regressor_is_that_of_its_card():
    _, held_out, _, answers = split(DATA["diabetes"](), by_class=False)
    (predicted,) = predictions("diabetes", held_out)
    error = np.abs(predicted[:, 0] - answers).mean()
    assert error == pytest.approx(ENTRIES["diabetes"]["properties"]["mean_absolute_error"], abs=0.1)


def test_the_pickle_answers_through_its_entry_script(monkeypatch):
    """The pickle loads only under the scikit-learn that made it, which its requirements pin."""
    import runpy

    import sklearn

    pinned = dict(line.split("==") for line in (FOLDER / "wine" / "requirements.txt").read_text().split())
    if sklearn.__version__ != pinned["scikit-learn"]:
        pytest.skip(f"the pickle needs scikit-learn {pinned['scikit-learn']}")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(FOLDER / "wine"))
    script = runpy.run_path(str(FOLDER / "wine" / "score.py"))
    script["init"]()
    answer = script["run"]((FOLDER / "wine" / "sample-data.json").read_text())
    assert len(answer["labels"]) == 2
    assert answer["growers"][0].startswith("grower ")


@pytest.mark.parametrize("name", ENTRIES)
def test_the_sample_requests_fit_the_model_and_hold_the_same_rows(name):
    (tensor,) = json.loads((FOLDER / ENTRIES[name]["sample_request"]).read_text())["inputs"]
    rows = json.loads((FOLDER / ENTRIES[name]["sample_data"]).read_text())["data"]
    assert np.array(tensor["data"]).reshape(tensor["shape"]).tolist() == rows
    if name in ONNX:
        assert len(predictions(name, rows)[0]) == len(rows)


@pytest.mark.parametrize("name", ENTRIES)
def test_card_agrees_with_the_manifest_and_names_the_data_source(name):
    card = (FOLDER / ENTRIES[name]["description"]).read_text()
    figures = {float(figure) for figure in re.findall(r"\| (\d+\.\d+) \|", card)}
    assert figures == {value for value in ENTRIES[name]["properties"].values() if isinstance(value, float)}
    assert "Data: *" in card


def test_total_size_of_the_samples_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.parametrize("name", ONNX)
def test_onnx_files_hold_no_date_or_random_name(name):
    import onnx

    model = onnx.load(FOLDER / name / "model.onnx")
    assert (model.graph.name, model.doc_string, model.graph.doc_string) == (name, "", "")


def test_one_request_registers_every_sample(sign_in, bob, workspace):
    response = sign_in(bob).post(reverse("add_samples", kwargs={"workspace": "vision"}), follow=True)
    assert {version.name for version in ModelVersion.objects.all()} == set(ENTRIES)
    assert "Added " in response.content.decode()
    assert [model.name for model in search_models(workspace, "area=vision")] == ["digits"]
    wine = ModelVersion.objects.get(name="wine")
    assert (wine.framework, wine.framework_version, wine.created_by) == ("scikit-learn", "1.9.1", bob)


def test_existing_samples_are_not_registered_again(workspace, bob):
    assert len(samples.add(workspace, bob)) == len(ENTRIES)
    ModelVersion.objects.get(name="iris").delete()
    assert [str(version) for version in samples.add(workspace, bob)] == ["iris:2"]
    assert samples.add(workspace, bob) == []
