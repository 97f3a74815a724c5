"""Azure's inferenceconfig.json: what is read of it, and what is said of the rest."""

import json

import pytest

from deployments.config import azure_inference_config, configs
from deployments.config.azure_inference_config import environment_of, export, read, warnings_for
from registry.environments import environments
from studio.core.errors import BadInput, NotFound
from studio.core.unused_settings import leaves

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
        "environment.docker.enabled has no effect: whether an image is built depends on the target.",
        "environment.docker.baseImage has no effect: images of Azure's registry bring conda and old systems; the "
        "studio's own base image takes their place.",
        "environment.docker.baseImageRegistry.password has no effect: how a registry is signed in to is a setting of "
        "the target.",
    ]


def test_yaml_with_a_conda_file_is_read():
    found = read(YAML, CONDA)
    assert (found.environment.python_version, found.environment.requirements) == (
        "3.11", ["azureml-defaults>=1.0.45", "joblib"],
    )  # fmt: skip
    assert warnings_for(found) == [
        "schemaFile has no effect: what a script takes is read from its own decorators (inference-schema).",
        "extraDockerfileSteps has no effect: it names a file; put the steps themselves in its place.",
        "channels of the conda file has no effect: packages come from the Python package index.",
        "azureml-defaults>=1.0.45 is not installed: the scoring server's own modules take the place of "
        "azureml-defaults.",
    ]


def test_values_that_yaml_reads_as_numbers_and_switches_stay_texts():
    text = "entryScript: score.py\nenvironment:\n  name: own\n  version: 2\n  environmentVariables: {A: 1, B: true}"
    found = read(text)
    assert (found.environment.version, found.environment_variables) == ("2", {"A": "1", "B": "true"})


def test_every_setting_of_the_documented_file_is_used_or_named():
    """The keys of Azure's own reference, each with a value that asks for something; those of images, which exclude an
    environment, in a file of their own."""
    lists = ["mavenLibraries", "pypiLibraries", "rcranLibraries", "jarLibraries", "eggLibraries"]
    registry = {"address": "a", "username": "u", "password": "secret"}
    older = {
        "entryScript": "score.py",
        "runtime": "spark-py",
        "extraDockerfileSteps": "steps",
        "enableGpu": True,
        "cudaVersion": "10.0",
        "baseImage": "mcr.microsoft.com/azureml/base:0.1",
        "baseImageRegistry": registry,
    }
    document = {
        "entryScript": "score.py",
        "sourceDirectory": "src",
        "description": "d",
        "schemaFile": "schema.json",
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
                "baseImage": "mcr.microsoft.com/azureml/base:0.1",
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
    told = " ".join([*warnings_for(read(document)), *warnings_for(read(older))])
    used = ("entryScript", "sourceDirectory", "description", "environment.name", "environment.environmentVariables.A")
    used += ("environment.python.condaDependencies.name", "environment.python.condaDependencies.dependencies")
    idle = ("environment.spark.precachePackages", "environment.docker.sharedVolumes")
    given = [path for one in (document, older) for path, _ in leaves(one)]
    assert [path for path in given if path not in used + idle and path not in told] == []
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
        ('{\n"entryScript": "score.py"\n"environment": {}}', "", "no valid JSON: line 3, column 1: a comma is missing"),
        ('{"entryScript": "a.py",\n}', "", r"line 2, column 1: a comma stands before '}'"),
        ('{\n  // the script\n  "entryScript": "a.py"}', "", "line 2, column 3: JSON has no comments"),
        ('{"entryScript": "a.py" # the script\n}', "", "line 1, column 24: JSON has no comments"),
        ("{'entryScript': 'a.py'}", "", "line 1, column 2: a text stands in single quotes"),
        ('{"entryScript": "a.py", "environment": {"name": "x}"', "", "line 1, column 53: the end of the file"),
        ('{"entryScript": "a.py"}}', "", "line 1, column 24: the file goes on after its end"),
        ('{"entryScript": "a.py", "entryScript": "b.py"}', "", "'entryScript' is given twice"),
        ({"entryscript": "a.py"}, "", "'entryScript' is missing"),
        (INLINE | {"baseImage": "x", "enableGpu": True}, "", "Either 'environment' or 'enableGpu' and 'baseImage'"),
        ({"entryScript": "a.py", "baseImage": 3}, "", "'baseImage' must be a text"),
        (
            {"entryScript": "a.py", "environment": {"docker": {"baseImage": "x", "baseDockerfile": "FROM y"}}},
            "",
            "Either 'docker.baseImage' or 'docker.baseDockerfile'",
        ),
        (
            {"entryScript": "a.py", "environment": {"docker": {"baseDockerfile": "Dockerfile"}}},
            "",
            "names the file Dockerfile, whose text did not come",
        ),
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
        (INLINE | {"condaFile": "env.yml"}, CONDA, "Either 'environment' or 'condaFile' describes"),
        (INLINE, CONDA, "The packages are given twice"),
        ("[" * 100_000, "", "no valid JSON"),
        ("a: " * 200_000, "", "more than 256 KiB"),
    ],
)
def test_wrong_file_is_explained(given, conda, told):
    with pytest.raises(BadInput, match="(?s)" + told):
        read(given, conda)


def test_mistake_is_told_with_its_cure_and_shown_in_its_line():
    with pytest.raises(BadInput) as refused:
        read('{\n  "entryScript": "a.py"\n  "sourceDirectory": "."\n}')
    assert refused.value.hint == "Put a comma at the end of line 2."
    assert refused.value.evidence == '  "sourceDirectory": "."\n  ^'
    with pytest.raises(BadInput) as refused:
        read('{"entryScript": "a.py", "environment": {"python": {')
    assert refused.value.hint == "It lacks }}} at its end."
    with pytest.raises(BadInput) as refused:
        read({"entry_script": "a.py"})
    assert refused.value.hint == "The file has 'entry_script': write it as entryScript."


def test_base_of_the_image_is_read_in_both_of_azure_s_ways():
    environment = {"name": "own", "docker": {"enabled": True, "baseImage": "python:3.11-slim"}}
    found = read({"entryScript": "a.py", "environment": environment})
    assert (found.environment.is_definition, found.environment.further) == (True, {"base_image": "python:3.11-slim"})
    assert "baseImage" not in " ".join(warnings_for(found))
    environment = {"docker": {"baseDockerfile": "FROM x\nRUN true\n"}}
    assert read({"entryScript": "a.py", "environment": environment}).environment.further == {
        "dockerfile": "FROM x\nRUN true\n"
    }
    older = {"entryScript": "a.py", "baseImage": "x:1", "extraDockerfileSteps": "RUN echo 'a'\nENV A=1"}
    found = read(older)
    assert found.environment.further == {"base_image": "x:1", "docker_steps": "RUN echo 'a'\nENV A=1"}
    assert warnings_for(found) == []


@pytest.mark.django_db
def test_exported_config_is_read_back_whole(workspace, bob):
    own = environments.define(
        workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["joblib"],
        base_image="python:3.11-slim", docker_steps=["RUN true"], variables={"A": "1"},
    )  # fmt: skip
    config = configs.create(
        workspace=workspace, actor=bob, name="c", kind="entry_script", entry_script="score.py", description="d",
        files={"score.py": b"def init(): ...\ndef run(data): ..."}, environment=own, environment_variables={"B": "2"},
    )  # fmt: skip
    found = read(json.dumps(export(config, with_values=True)))
    assert (found.entry_script, found.description) == ("score.py", "d")
    assert found.environment_variables == {"A": "1", "B": "2"}
    assert found.environment.requirements == ["joblib"]
    assert found.environment.further["dockerfile"] == "FROM python:3.11-slim\nRUN true\n"
    assert "1" not in export(config, with_values=False)["environment"]["environmentVariables"].values()


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
