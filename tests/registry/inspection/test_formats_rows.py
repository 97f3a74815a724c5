"""What models on rows take, as their files tell it without being loaded."""

import io
import zipfile

import joblib
import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)
NAMES = ["age", "größe", "town size"]


def bytes_of(write, tmp_path, name):
    write(tmp_path / name)
    return (tmp_path / name).read_bytes()


def dumped(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("ending", ["ubj", "json"])
def test_xgboost_tells_version_objective_features_and_names(read_formats, tmp_path, ending):
    matrix = xgboost.DMatrix(ROWS, LABELS, feature_names=NAMES)
    booster = xgboost.train({"objective": "binary:logistic"}, matrix, 2)
    name = f"model.{ending}"
    report = read_formats({name: bytes_of(booster.save_model, tmp_path, name)})
    assert (report.framework, report.framework_version, report.facts["objective"]) == (
        "xgboost",
        xgboost.__version__,
        "binary:logistic",
    )
    assert report.signature == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
        "outputs": [],
        "columns": NAMES,
    }


def test_version_of_xgboost_is_found_in_a_pickle(read_formats):
    report = read_formats({"model.pkl": dumped(xgboost.XGBClassifier(n_estimators=2).fit(ROWS, LABELS))})
    assert (report.framework, report.framework_version) == ("xgboost", xgboost.__version__)


def test_lightgbm_tells_objective_features_and_names(read_formats, tmp_path):
    data = lightgbm.Dataset(ROWS, LABELS, feature_name=["a", "b", "c"])
    booster = lightgbm.train({"verbose": -1, "objective": "binary"}, data, 2)
    report = read_formats({"model.txt": bytes_of(booster.save_model, tmp_path, "model.txt")})
    assert (report.framework, report.facts["objective"]) == ("lightgbm", "binary sigmoid:1")
    assert report.signature["columns"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(3).fit(ROWS, LABELS),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS),
    ],
)
@pytest.mark.parametrize("form", ["pickle", "skops"])
def test_estimator_tells_how_many_features_it_was_fitted_on(read_formats, model, form):
    content = dumped(model) if form == "pickle" else skops.io.dumps(model)
    report = read_formats({"model.file": content})
    assert (report.framework, report.format) == ("scikit-learn", form)
    assert report.signature["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}]


def test_estimator_of_texts_has_no_matrix(read_formats):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good one", "bad one"], [0, 1])
    assert read_formats({"model.pkl": dumped(model)}).signature is None


def test_exported_program_of_pytorch_is_known_by_its_archive(read_formats):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("net/archive_format", "net/models/model.json", "net/data/weights/weight_0"):
            archive.writestr(name, "pt2")
    report = read_formats({"net.pt2": buffer.getvalue()})
    assert (report.format, report.framework) == ("pt2", "pytorch")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.ubj", b"{L" + bytes(7) + b"\x07learner{" + b"feature_names[#L" + b"\xff" * 8 + b"num_featureSL"),
        ("m.ubj", b"{L" + bytes(7) + b"\x07learner{" + b"feature_names[#L" + bytes(7) + b"\x02SL" + b"\x7f" * 9),
        ("m.txt", b"tree\nversion=v4\nmax_feature_idx=99999999999\nfeature_names=a a\n\n"),
        ("m.json", b'{"learner": {"learner_model_param": [], "feature_names": 3}, "version": [3]}'),
    ],
)
def test_facts_that_are_none_leave_the_signature_open(read_formats, name, content):
    assert read_formats({name: content}).signature is None
