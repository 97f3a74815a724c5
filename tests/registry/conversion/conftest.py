"""Fitted models as bytes, and conversions that run in the tests' own environment, which has skl2onnx."""

import io

import joblib
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier

from registry.conversion import conversions
from registry.conversion.attempt import Attempt
from registry.conversion.conversions import ConversionRequest
from registry.environments.paths import CURATED_HASH, python_path
from studio.core.job_runner import run_job
from tests.registry.factories import make_version


def dumped(model) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.fixture(scope="session")
def forest() -> bytes:
    """A forest for scikit-learn's wines."""
    rows, labels = load_wine(return_X_y=True)
    return dumped(RandomForestClassifier(20, random_state=0).fit(rows, labels))


@pytest.fixture
def own_environment(monkeypatch):
    """Models load in the environment of the tests."""
    monkeypatch.setattr(Attempt, "_python", lambda self: python_path(CURATED_HASH))


@pytest.fixture
def sklearn_version(workspace, bob):
    """`sklearn_version(bytes)` is a ready version wine:1 with a pickle."""

    def make(content, name="wine", **facts):
        found = {"main_file": "model.joblib", "format": "pickle", "globals": []} | facts
        return make_version(
            workspace, name, user=bob, framework="scikit-learn", files={"model.joblib": content}, facts=found
        )

    return make


@pytest.fixture
def convert(workspace, bob):
    """`convert("wine:1")` has it converted, and gives the job as it ended."""

    def make(model, **asked):
        job = conversions.request_conversion(workspace, bob, ConversionRequest(model, **asked))
        run_job("conversion", job.pk)
        return conversions.find_conversion(workspace, job.pk)

    return make
