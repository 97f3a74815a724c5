"""Which package brings a module, and which version of it had a part that is gone."""

import pytest

from scoring.script import packages


def failure_of(name, text):
    return ImportError(text, name=name)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (
            failure_of(
                "mlflow.pyfunc.scoring_server",
                "cannot import name 'infer_and_parse_json_input' from 'mlflow.pyfunc.scoring_server' (/a/b.py)",
            ),
            "mlflow<2",
        ),
        (failure_of("sklearn.grid_search", "No module named 'sklearn.grid_search'"), "scikit-learn<0.20"),
        (failure_of("sklearn.svm", "cannot import name 'nothing' from 'sklearn.svm' (/a/b.py)"), ""),
        (failure_of(None, "DLL load failed"), ""),
    ],
)
def test_the_version_that_had_a_part_is_known(error, wanted):
    assert packages.wanted_for(error) == wanted


def test_of_several_packages_with_a_module_the_one_of_its_name_counts(monkeypatch):
    monkeypatch.setattr(packages, "packages_distributions", lambda: {"mlflow": ["mlflow-tracing", "mlflow"]})
    monkeypatch.setattr(packages, "version", {"mlflow": "3.17.2", "mlflow-tracing": "3.17.1"}.get)
    assert packages.installed_for("mlflow.pyfunc.scoring_server") == ("mlflow", "3.17.2")
