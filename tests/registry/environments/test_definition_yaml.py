"""Definitions as YAML: written, read back, and refused with the line that is wrong."""

import pytest

from registry.environments.definition_yaml import read, write
from registry.environments.definitions import define
from studio.core.errors import BadInput

FACTS = {
    "description": "With GDAL: and a colon",
    "python_version": "3.11",
    "requirements": ["demo>=1", 'torch>=2; python_version < "3.12"'],
    "variables": {"A": "1", "B": "yes: no", "C": ""},
    "base_image": "python:3.11-slim",
    "dockerfile": "",
    "docker_steps": ["RUN apt-get update \\\n  && apt-get install -y 'gdal-bin'", 'RUN <<EOF\necho "a: b"\nEOF'],
    "conda": {"channels": ["conda-forge"], "dependencies": ["libgdal=3.9"]},
}


def test_definition_that_is_written_is_read_back_the_same():
    text = write(FACTS, ["mine-1.0-py3-none-any.whl"])
    found = read(text)
    assert found.wheels == ["mine-1.0-py3-none-any.whl"]
    expected = {name: value for name, value in FACTS.items() if value}
    steps = {"docker_steps": "\n".join(FACTS["docker_steps"]).split("\n")}
    assert found.facts == expected | steps
    given = dict(found.facts)
    again = define(given.pop("python_version"), given.pop("requirements"), **given)
    assert again.docker_steps == tuple(FACTS["docker_steps"])


def test_values_are_texts_as_they_are_written():
    found = read("python: 3.10\nvariables:\n  ON: true\n  N: 010\n  EMPTY:\nrequirements: |\n  a\n  # b\n  c\n")
    assert found.facts == {
        "python_version": "3.10",
        "variables": {"ON": "true", "N": "010", "EMPTY": ""},
        "requirements": ["a", "# b", "c"],
    }


def test_conda_file_is_read_as_a_definition():
    found = read("name: x\ndependencies:\n  - python=3.11\n  - pytorch=2.4\n  - libgdal\n")
    assert (found.facts["python_version"], found.facts["requirements"]) == ("3.11", ["torch==2.4.*"])
    assert found.facts["conda"]["dependencies"] == ["libgdal"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python: '3.11'\nrequirements:\n  - a\n  - -r b.txt\n", "Line 4: Requirements of another file cannot be"),
        ("requirements: |\n  a\n\n  b c\n", "Line 4: 'b c' is no pip requirement"),
        ("requirements:\n  - numpy; rm -rf /\n", "Line 2: "),
        ("requirements:\n  - --index-url https://evil\n", "Line 2: The package index is chosen by the studio"),
        ("docker_steps:\n  - RUN a\n  - |\n    RUN b\n    ADD c d\n", "Line 5: Files of the studio's machine"),
        ("# x\ndockerfile: |\n  FROM a\n  COPY . /\n", "Line 4: No files lie beside the Dockerfile"),
        ("python: '3.11'\ncolour: red\n", "Line 2: 'colour' is nothing that a definition has."),
        ("python: '3.11'\npython: '3.12'\n", "Line 2: 'python' is given twice."),
        ("python: [\n", "Line 2: This is no valid YAML."),
        ("a: &x 1\nb: *x\n", "Line 2: This is no valid YAML."),
        ("- a\n", "Line 1: The definition must be a list of names and values"),
        ("variables: [a]\n", "Line 1: 'variables' must be names and values."),
        ("variables:\n  A:\n    b: c\n", "Line 3: 'variables.A' must be a text here."),
        ("requirements:\n  - a: b\n", "Line 2: 'an item' must be a text here."),
        ("dependencies:\n  - gdal; id\n", "Line 2: 'gdal; id' is no package of conda."),
        ("x" * 300_000, "The definition has more than 256 KiB."),
    ],
)
def test_definition_is_refused_with_the_line_that_is_wrong(text, message):
    with pytest.raises(BadInput) as refused:
        read(text)
    assert refused.value.message.startswith(message)
    assert refused.value.field == "definition"


def test_errors_of_the_definition_are_located_too():
    document = read("requirements: [a]\nbase_image: 'Not An Image'\n")
    with pytest.raises(BadInput) as refused:
        define("3.11", document.facts.pop("requirements"), **document.facts)
    assert document.locate(refused.value).message.startswith("Line 2: 'Not An Image' is no reference of an image")


AZURE = """{
  "name": "wine",
  "version": "3",
  "environmentVariables": {"LEVEL": "info", "N": 3},
  "python": {
    "userManagedDependencies": false,
    "condaDependencies": {
      "channels": ["conda-forge"],
      "dependencies": ["python=3.11", "scikit-learn=1.9", {"pip": ["azureml-defaults", "joblib"]}]
    }
  },
  "docker": {"enabled": true, "baseImage": "python:3.11-slim", "shmSize": "4g"},
  "inferencingStackVersion": "latest"
}
"""


def test_environment_of_azure_keeps_its_meaning_and_the_rest_is_named():
    facts = read(AZURE).facts
    assert (facts["python_version"], facts["base_image"]) == ("3.11", "python:3.11-slim")
    assert facts["requirements"] == ["scikit-learn==1.9.*", "azureml-defaults", "joblib"]
    assert facts["variables"] == {"LEVEL": "info", "N": "3"}
    assert any("environment.docker.shmSize has no effect" in note for note in facts["notes"])
    assert define(facts.pop("python_version"), facts.pop("requirements"), **facts).base_image == "python:3.11-slim"


def test_mistake_in_an_environment_of_azure_is_explained():
    with pytest.raises(BadInput, match=r"'environment\.docker' must be an object") as refused:
        read('{"docker": "yes"}')
    assert refused.value.field == "definition"
