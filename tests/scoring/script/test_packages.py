"""Which package brings a module, and which version of it had a part that was removed."""

import runpy

import pytest

from scoring.core.errors import StartFailure
from scoring.script import packages
from scoring.script.failures import guarded


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
def test_requirement_of_a_removed_part_is_known(error, wanted):
    assert packages.requirement_for(error) == wanted


def test_package_named_like_its_module_is_preferred(monkeypatch):
    monkeypatch.setattr(packages, "packages_distributions", lambda: {"mlflow": ["mlflow-tracing", "mlflow"]})
    monkeypatch.setattr(packages, "version", {"mlflow": "3.17.2", "mlflow-tracing": "3.17.1"}.get)
    assert packages.installed_package("mlflow.pyfunc.scoring_server") == ("mlflow", "3.17.2")


@pytest.mark.parametrize(
    ("name", "line", "package"),
    [
        ("azure", "from azure.identity import DefaultAzureCredential", "azure-identity"),
        ("azure", "from azure.storage.blob import (", "azure-storage-blob"),
        ("azure.storage", "import azure.storage.blob.aio as aio", "azure-storage-blob"),
        ("azure", "import os, azure.keyvault.secrets", "azure-keyvault-secrets"),
        ("azure", "from azure.keyvault import KeyVaultClient", "azure-keyvault"),
        ("azure", "from azure.ai.ml import MLClient", "azure-ai-ml"),
        ("google", "from google.cloud import storage", "google-cloud-storage"),
        ("google", "from google.cloud.storage import Client", "google-cloud-storage"),
        ("google", "from google.protobuf import json_format", "protobuf"),
        ("matplotlib", "import matplotlib.pyplot as plt", "matplotlib"),
        ("idna", "return load('other.idna.x')", "idna"),
        ("idna", "", "idna"),
    ],
)
def test_package_of_a_namespace_is_found_by_the_imported_part(name, line, package):
    assert packages.package_of(packages.imported_module(name, line)) == package


def test_failed_import_names_the_package_of_the_part(tmp_path):
    script = tmp_path / "score.py"
    script.write_text("from azure.keyvault.secrets import (\n    SecretClient,\n)\n")
    with pytest.raises(StartFailure) as failed:
        guarded("The script raised", tmp_path, lambda: runpy.run_path(str(script)))
    assert "add azure-keyvault-secrets to its packages" in str(failed.value)
