"""Azure's inferenceconfig.json: what is read of it, and what is said of the rest."""

import json

import pytest

from deployments.config import azure_inference_config
from deployments.config.azure_inference_config import environment_of, read, warnings_for
from deployments.config.unused_settings import leaves
from registry.environments import environments
from studio.core.errors import BadInput, NotFound

CONDA = """
name: project_environment
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
    - azureml-defaults>=1.0.45
    - joblib
"""
INLINE = {
    "entryScript": "score.py",
    "sourceDirectory": "./src",
    "description": "Scores irises",
    "environment": {
        "name": "inline",
        "version": "3",
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "python": {
            "userManagedDependencies": False,
            "interpreterPath": "python",
            "condaDependenciesFile": None,
            "condaDependencies": {
                "name": "project_environment",
                "channels": ["conda-forge"],
                "dependencies": ["python=3.11", {"pip": ["joblib"]}],
            },
        },
        "docker": {
            "enabled": True,
            "baseImage": "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04",
            "baseDockerfile": None,
            "sharedVolumes": True,
            "shmSize": "2g",
            "arguments": [],
            "baseImageRegistry": {"address": None, "username": None, "password": "secret"},
        },
        "spark": {"repositories": [], "packages": [], "precachePackages": True},
        "inferencingStackVersion": None,
    },
}
YAML = """
entryScript: score.py
runtime: python
condaFile: env.yml
schemaFile: schema.json
extraDockerfileSteps: steps.txt
enableGpu: false
"""


def test_inline_environment_is_read_whole():
    found = read(json.dumps(INLINE))
    assert (found.entry_script, found.source_directory, found.description) == ("score.py", "./src", "Scores irises")
    assert (found.environment.name, found.environment.python_version) == ("inline", "3.11")
    assert found.environment.requirements == ["joblib"]
    assert found.environment_variables == {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}


def test_settings_without_effect_are_named_and_passwords_are_not():
    assert warnings_for(read(INLINE)) == [
        "environment.version has no effect: the studio numbers the versions of environments.",
        "environment.python.condaDependencies.channels has no effect: packages come from the Python package index.",
        "environment.docker.enabled, environment.docker.baseImage and environment.docker.baseImageRegistry.password "
        "have no effect: no image is built: a script runs in a Python environment with the packages it asks for.",
    ]


def test_yaml_with_a_conda_file_is_read():
    found = read(YAML, CONDA)
    assert (found.environment.python_version, found.environment.requirements) == (
        "3.11", ["azureml-defaults>=1.0.45", "joblib"],
    )  # fmt: skip
    assert warnings_for(found) == [
        "schemaFile has no effect: what a script takes is read from its own decorators (inference-schema).",
        "extraDockerfileSteps has no effect: no image is built: a script runs in a Python environment with the "
        "packages it asks for.",
        "channels of the conda file has no effect: packages come from the Python package index.",
        "azureml-defaults>=1.0.45 is not installed: the scoring server's own modules take the place of "
        "azureml-defaults.",
    ]


def test_values_that_yaml_reads_as_numbers_and_switches_stay_texts():
    text = "entryScript: score.py\nenvironment:\n  name: own\n  version: 2\n  environmentVariables: {A: 1, B: true}"
    found = read(text)
    assert (found.environment.version, found.environment_variables) == ("2", {"A": "1", "B": "true"})


def test_every_setting_of_the_documented_file_is_used_or_named():
    """The keys of Azure's own reference, each with a value that asks for something."""
    lists = ["mavenLibraries", "pypiLibraries", "rcranLibraries", "jarLibraries", "eggLibraries"]
    registry = {"address": "a", "username": "u", "password": "secret"}
    document = {
        "entryScript": "score.py",
        "sourceDirectory": "src",
        "description": "d",
        "runtime": "spark-py",
        "extraDockerfileSteps": "steps",
        "schemaFile": "schema.json",
        "enableGpu": True,
        "cudaVersion": "10.0",
        "baseImage": "image",
        "baseImageRegistry": registry,
        "environment": {
            "name": "own",
            "version": "1",
            "environmentVariables": {"A": "1"},
            "python": {
                "userManagedDependencies": True,
                "interpreterPath": "/usr/bin/python",
                "baseCondaEnvironment": "base",
                "condaDependencies": {"name": "n", "channels": ["c"], "dependencies": ["python=3.11"]},
            },
            "docker": {
                "enabled": True,
                "baseImage": "image",
                "baseDockerfile": "FROM x",
                "sharedVolumes": False,
                "shmSize": "4g",
                "arguments": ["--ipc=host"],
                "baseImageRegistry": registry,
                "platform": {"os": "Windows", "architecture": "arm64"},
            },
            "spark": {"repositories": ["r"], "packages": [{"group": "g"}], "precachePackages": True},
            "databricks": {name: ["x"] for name in lists},
            "r": {"rVersion": "4", "cranPackages": [{"name": "x"}], "snapshotDate": "2020-01-01"},
            "inferencingStackVersion": "1.2",
        },
    }
    told = " ".join(warnings_for(read(document)))
    used = ("entryScript", "sourceDirectory", "description", "environment.name", "environment.environmentVariables.A")
    used += ("environment.python.condaDependencies.name", "environment.python.condaDependencies.dependencies")
    idle = ("environment.spark.precachePackages", "environment.docker.sharedVolumes")
    assert [path for path, _ in leaves(document) if path not in used + idle and path not in told] == []
    assert "secret" not in told


def test_settings_that_nobody_knows_are_named():
    environment = {"name": "own", "python": {"extra": 1}, "name2": "x"}
    assert warnings_for(read({"entryScript": "a.py", "entryscript": "b.py", "environment": environment})) == [
        "entryscript has no effect: Slipway knows no such setting.",
        "environment.python.extra and environment.name2 have no effect: Slipway knows no such setting.",
    ]


@pytest.mark.parametrize(
    ("given", "conda", "told"),
    [
        ('{\n"entryScript": "score.py"\n"environment": {}}', "", "no valid JSON in line 3"),
        ("entryScript: [", "", "neither JSON nor valid YAML in line"),
        ("entryScript: &a x\nsourceDirectory: *a", "", "neither JSON nor valid YAML in line 2"),
        ("[]", "", "one JSON object"),
        ("just words", "", "one JSON object"),
        ("{}", "", "'entryScript' is missing"),
        ({"entryScript": 3}, "", "'entryScript' is missing"),
        ({"entryScript": "a.py", "sourceDirectory": 3}, "", "'sourceDirectory' must be a text"),
        ({"entryScript": "a.py", "environment": "x"}, "", "'environment' must be an object"),
        ({"entryScript": "a.py", "environment": {"python": []}}, "", "'environment.python' must be an object"),
        ({"entryScript": "a.py", "environment": {"name": []}}, "", "'environment.name' must be a text"),
        ({"entryScript": "a.py", "environment": {"environmentVariables": {"A": []}}}, "", "variable A must be a text"),
        ({"entryScript": "a.py", "condaFile": "env.yml"}, "", "names the conda file env.yml, whose text did not come"),
        ({"entryScript": "a.py", "condaFile": 3}, CONDA, "'condaFile' must be a text"),
        (INLINE | {"condaFile": "env.yml"}, CONDA, "Either 'environment' or 'condaFile'"),
        (INLINE, CONDA, "The packages are given twice"),
        ("[" * 100_000, "", "no valid JSON"),
        ("a: " * 200_000, "", "more than 256 KiB"),
    ],
)
def test_wrong_file_is_explained(given, conda, told):
    with pytest.raises(BadInput, match="(?s)" + told):
        read(given, conda)


def test_a_byte_order_mark_is_passed_over():
    assert read("\ufeff" + json.dumps(INLINE)).environment.requirements == ["joblib"]


@pytest.mark.django_db
def test_environment_is_defined_once(workspace, bob):
    found = read(YAML, CONDA)
    assert environment_of(found, workspace, bob, name="mine") == "mine:1"
    assert environment_of(found, workspace, bob, name="mine") == "mine:1"
    assert environment_of(found, workspace, bob) == "project_environment:1"


@pytest.mark.django_db
def test_missing_python_is_told_and_another_one_can_be_chosen(workspace, bob):
    old = CONDA.replace("3.11", "3.6.2")
    with pytest.raises(BadInput, match=r"Python 3\.6\.2 is not installed on this machine; these are: \d") as refused:
        environment_of(read(YAML, old), workspace, bob)
    assert "--python on" in refused.value.hint
    assert environment_of(read(YAML, old, "3.11"), workspace, bob, name="newer") == "newer:1"
    assert environments.find(workspace, "newer").python_version == "3.11"
    with pytest.raises(BadInput, match="describes no environment"):
        read({"entryScript": "a.py"}, python_version="3.11")


@pytest.mark.django_db
def test_environments_of_azure_are_not_here(workspace, bob):
    given = read({"entryScript": "a.py", "environment": {"name": "AzureML-Minimal"}})
    with pytest.raises(NotFound) as missing:
        environment_of(given, workspace, bob)
    assert "Azure's own environments are not here" in missing.value.hint


@pytest.mark.django_db
def test_a_name_without_a_definition_means_an_environment_of_the_workspace(workspace, bob):
    environments.define(workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=[])
    assert environment_of(read({"entryScript": "a.py", "environment": {"name": "own"}}), workspace, bob) == "own:1"
    assert environment_of(read({"entryScript": "a.py"}), workspace, bob) == ""
    assert azure_inference_config.read({"entryScript": "a.py"}).environment_variables == {}
