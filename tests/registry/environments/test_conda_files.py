"""Conda files: translated where the package index has what they ask for, the rest left for conda's solver."""

import pytest

from registry.environments import conda_files
from registry.environments.conda_files import MAX_TEXT
from registry.environments.conda_names import BROUGHT_ALONG, RENAMED, SAME
from registry.environments.definition_text import Written, read_text
from registry.environments.definitions import define
from registry.environments.requirement_lines import read_requirement
from studio.core.errors import BadInput


def of(*dependencies, **more):
    return conda_files.read({"dependencies": list(dependencies)} | more)


def test_a_conda_file_gives_its_python_version_and_pip_section():
    text = """
    name: project_environment
    channels: [conda-forge]
    dependencies:
      - python=3.6.2
      - pip
      - pip:
        - azureml-defaults
        - scikit-learn==0.20
    """
    assert read_text(text) == Written("3.6.2", ["azureml-defaults", "scikit-learn==0.20"])


@pytest.mark.parametrize(
    ("item", "version"),
    [
        ("python=3.11", "3.11"),
        ("python ==3.11.7", "3.11.7"),
        ("python 3.11", "3.11"),
        ("python=3.11.*", "3.11"),
        ("python=3.11.7=h955ad1f_0", "3.11.7"),
        ("conda-forge::python=3.11", "3.11"),
        ("python", ""),
    ],
)
def test_all_conda_spellings_of_a_python_version_are_read(item, version):
    assert read_text(f"dependencies:\n  - {item}\n  - pip=22.3\n").python_version == version


@pytest.mark.parametrize("item", ["python>=3.8", "python=3.8|3.9", "python<4"])
def test_python_version_range_is_rejected_with_a_hint_to_choose_one(item):
    with pytest.raises(BadInput, match="Python is asked for as") as refused:
        read_text(f"dependencies:\n  - {item}\n")
    assert "python=3.11" in refused.value.hint


def test_rejected_item_of_the_pip_section_is_reported_with_its_position():
    with pytest.raises(BadInput, match="Item 2 of the pip section: Requirements of another file"):
        read_text("dependencies:\n  - pip:\n    - numpy\n    - -r requirements.txt\n")


@pytest.mark.parametrize(
    "text",
    [
        "dependencies: [a",
        "dependencies: 3",
        "dependencies:\n  - pip: [a\n",
        "dependencies:\n  - pip: numpy\n",
        "dependencies:\n  - pip: [[numpy]]\n",
        "dependencies:\n  - [numpy]\n",
        "dependencies: " + 5000 * "[",
        "channels: &a [x]\nother: *a\ndependencies: []",
        pytest.param(f"dependencies: ['python{100_000 * ' '}x']", id="longer than a line"),
        "date: 2026-02-31\ndependencies: []",
        pytest.param("dependencies: []\n" + MAX_TEXT * "#", id="longer than is read"),
    ],
)
def test_a_broken_conda_file_is_refused(text):
    with pytest.raises(BadInput):
        read_text(text)


@pytest.mark.parametrize(
    ("package", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.17", "numpy==1.17.*"),
        ("numpy=1.17.*", "numpy==1.17.*"),
        ("numpy==1.17.5", "numpy==1.17.5"),
        ("numpy 1.17.5", "numpy==1.17.5"),
        ("numpy=1.17.5=py311h1_0", "numpy==1.17.5.*"),
        ("numpy>=1.17,<2", "numpy<2,>=1.17"),
        ("conda-forge::numpy=1.17", "numpy==1.17.*"),
        ("conda-forge/linux-64::NumPy >=1.17", "numpy>=1.17"),
        ("pytorch=2.4", "torch==2.4.*"),
        ("py-xgboost", "xgboost"),
        ("ruamel.yaml", "ruamel-yaml"),
    ],
)
def test_package_that_the_index_has_becomes_a_requirement(package, requirement):
    found = of(package)
    assert (found.requirements, found.conda) == ([requirement], {})
    assert requirement in found.notes[0]


@pytest.mark.parametrize("package", ["numpy=1.17|1.18", "numpy[version='>=1.2']", "libgdal=3.9", "openjdk", "r-base"])
def test_package_that_pip_cannot_say_is_left_for_the_solver(package):
    found = of(package, channels=["conda-forge", "https://conda.example.com/own"])
    assert (found.requirements, found.conda["dependencies"]) == ([], [package])
    assert found.conda["channels"] == ["conda-forge", "https://conda.example.com/own"]
    assert "Only conda's solver can install" in found.notes[0]


def test_what_wheels_bring_along_is_left_out_and_told():
    found = of("python=3.11", "mkl=2024.0", "libgcc-ng", "numpy")
    assert (found.requirements, found.conda) == (["numpy"], {})
    assert found.notes[1].endswith("bring what they need along: mkl, libgcc-ng.")


def test_variables_of_a_conda_file_are_taken():
    assert of("python=3.11", variables={"A": "b", "N": 3}).variables == {"A": "b", "N": "3"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dependencies": ["gdal; rm -rf /"]}, "'gdal; rm -rf /' is no package of conda."),
        ({"dependencies": ["$(id)"]}, "is no package of conda"),
        ({"dependencies": ["-c evil"]}, "is no package of conda"),
        (
            {"dependencies": ["gdal"], "channels": ["https://user:pass@host/x"]},  # pragma: allowlist secret
            "is no channel of conda",
        ),
        ({"dependencies": ["gdal"], "channels": ["https://host/t/secret/x"]}, "is no channel of conda"),
        ({"dependencies": "gdal"}, "must be lists of texts"),
        ({"packages": []}, "must be an object with 'channels' and 'dependencies'"),
        ({"dependencies": ["a"] * 301}, "At most 300 packages"),
    ],
)
def test_definition_of_conda_that_cannot_be_used_is_refused(given, message):
    with pytest.raises(BadInput) as refused:
        define("3.11", [], conda=given)
    assert message in refused.value.message
    assert (refused.value.code, refused.value.field) == ("bad_conda", "conda")


def test_channel_of_a_definition_is_conda_forge_unless_said():
    assert define("3.11", [], conda={"dependencies": ["gdal"]}).conda["channels"] == ["conda-forge"]
    assert define("3.11", [], conda={"channels": ["x"]}).conda == {}


def test_tables_of_names_do_not_contradict_each_other():
    assert not SAME & BROUGHT_ALONG
    assert not set(RENAMED) & (SAME | BROUGHT_ALONG)
    assert all(read_requirement(name) == name.lower() for name in RENAMED.values())
