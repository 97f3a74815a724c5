"""`slipway environment`: list, show, create, logs, download, delete."""

import json

import pytest
import yaml

from tests.slipway.fake import environment


@pytest.fixture
def with_tools(signed_in):
    signed_in.environments = {"tools:1": environment({"name": "tools", "requirements": ["numpy", "pandas>2"]})}
    return signed_in


def test_environments_are_listed_with_state_and_requirements(slipway, with_tools):
    heading, row = slipway("environment", "list").out.splitlines()
    assert heading == "ENVIRONMENT\tPYTHON\tSTATE\tREQUIREMENTS\tCREATED"
    assert row.split("\t")[:4] == ["tools:1", "3.11", "locked", "numpy, pandas>2"]


def test_environment_is_shown_with_its_requirements(slipway, with_tools):
    shown = slipway("environment", "show", "tools:1").out
    assert "environment  tools:1\n" in shown
    assert "  pandas>2\n" in shown


def test_environment_is_created_from_a_requirements_file(slipway, signed_in, tmp_path):
    (tmp_path / "r.txt").write_bytes("# ü\nnumpy\n".encode("utf-16"))
    answer = slipway("environment", "create", "-n", "tools", "-r", tmp_path / "r.txt", "--python", "3.12", "-o", "json")
    assert json.loads(answer.out)["id"] == "tools:1"
    asked = {"name": "tools", "requirements": ["# ü", "numpy", ""], "python_version": "3.12"}
    assert signed_in.environment == asked


def test_environment_is_created_from_a_conda_file(slipway, signed_in, tmp_path):
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, {pip: [numpy]}]\n")
    assert slipway("environment", "create", "-n", "tools", "--conda", tmp_path / "conda.yml").code == 0
    assert yaml.safe_load(signed_in.environment["conda"])["dependencies"][0] == "python=3.11"


@pytest.mark.parametrize("options", [[], ["-r", "a", "--conda", "b"], ["-r", "nothing.txt"]])
def test_environment_create_with_no_or_two_or_missing_files_ends_with_2(slipway, signed_in, options):
    assert slipway("environment", "create", "-n", "tools", *options).code == 2


def test_warnings_about_a_created_environment_are_printed(slipway, signed_in, tmp_path):
    (tmp_path / "r.txt").write_text("azureml-core\n")
    signed_in.environment_warnings = ["azureml-core is not installed."]
    answer = slipway("environment", "create", "-n", "tools", "-r", tmp_path / "r.txt")
    assert answer.err == "Warning: azureml-core is not installed.\n"


def test_build_log_of_an_environment_is_printed(slipway, with_tools):
    with_tools.log["build"] = "Resolved 3 packages\n"
    assert slipway("environment", "logs", "tools:1").out == "Resolved 3 packages\n"


def test_environment_without_build_says_who_builds_it(slipway, with_tools):
    answer = slipway("environment", "logs", "tools:1")
    assert (answer.out, "has not been built" in answer.err) == ("", True)


def test_downloaded_environment_can_be_created_again(slipway, with_tools, tmp_path):
    assert slipway("environment", "download", "tools:1", "-t", tmp_path).code == 0
    assert (tmp_path / "requirements.lock").read_text().startswith("numpy==2.4.0")
    slipway("environment", "create", "-n", "copy", "-r", tmp_path / "requirements.txt")
    assert with_tools.environment["requirements"] == ["numpy", "pandas>2", ""]
    slipway("environment", "create", "-n", "copy", "--conda", tmp_path / "conda.yml")
    assert yaml.safe_load(with_tools.environment["conda"])["dependencies"][-1] == {"pip": ["numpy", "pandas>2"]}


def test_download_of_an_environment_replaces_nothing_unasked(slipway, with_tools, tmp_path):
    (tmp_path / "conda.yml").write_text("mine")
    assert slipway("environment", "download", "tools:1", "-t", tmp_path).code == 5
    assert [file.name for file in tmp_path.iterdir() if file.name != "config"] == ["conda.yml"]
    assert slipway("environment", "download", "tools:1", "-t", tmp_path, "--overwrite").code == 0


def test_environment_is_deleted_by_version_after_a_question(slipway, with_tools):
    assert slipway("environment", "delete", "tools", "--yes").code == 2
    assert slipway("environment", "delete", "tools:1").code == 2
    assert slipway("environment", "delete", "tools:1", "--yes").out == "Deleted tools:1.\n"
    assert with_tools.deleted == "tools:1"


def test_environment_is_created_with_base_steps_and_variables(slipway, signed_in, tmp_path):
    (tmp_path / "steps").write_text("RUN a \\\n  b\nENV X=1")
    asked = ["-n", "box", "--image", "python:3.12-slim", "--docker-steps", tmp_path / "steps", "--env", "A=b=c"]
    answer = slipway("environment", "create", *asked, "--description", "why", "--python", "3.12")
    assert signed_in.environment == {
        "name": "box",
        "requirements": [],
        "python_version": "3.12",
        "base_image": "python:3.12-slim",
        "docker_steps": ["RUN a \\", "  b", "ENV X=1"],
        "variables": {"A": "b=c"},
        "description": "why",
    }
    assert "base         python:3.12-slim\n" in answer.out
    assert "variables    A\n" in answer.out


def test_environment_is_created_from_a_dockerfile(slipway, signed_in, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\n")
    assert slipway("environment", "create", "-n", "box", "--dockerfile", tmp_path / "Dockerfile").code == 0
    assert signed_in.environment["dockerfile"] == "FROM python:3.12\n"


def test_environment_is_created_on_a_base_with_a_wheel(slipway, signed_in, tmp_path):
    (tmp_path / "mine-1.0-py3-none-any.whl").write_bytes(b"wheel")
    asked = ["--base", "tools:1", "--wheel", tmp_path / "mine-1.0-py3-none-any.whl"]
    assert slipway("environment", "create", "-n", "box", *asked).code == 0
    assert signed_in.environment == {"name": "box", "base": "tools:1", "wheels": ["u1"]}
    assert signed_in.uploads["u1"]["path"] == "mine-1.0-py3-none-any.whl"


def test_environment_is_cloned_under_another_name(slipway, with_tools):
    assert slipway("environment", "clone", "tools:1", "-n", "copy", "-o", "json").code == 0
    assert with_tools.environment == {"name": "copy", "base": "tools:1"}


def test_environment_is_created_from_a_whole_definition(slipway, signed_in, tmp_path):
    (tmp_path / "box.yaml").write_text("python: '3.11'\nrequirements: [numpy]\n")
    assert slipway("environment", "create", "-n", "box", "--file", tmp_path / "box.yaml").code == 0
    assert signed_in.environment == {"name": "box", "definition": "python: '3.11'\nrequirements: [numpy]\n"}
    both = ["--file", tmp_path / "box.yaml", "--image", "python"]
    assert slipway("environment", "create", "-n", "box", *both).code == 2


def test_download_of_an_environment_for_images_has_its_dockerfile_steps_and_packages_of_conda(
    slipway, with_tools, tmp_path
):
    conda = {"channels": ["own"], "dependencies": ["libgdal=3.9"]}
    with_tools.environments["tools:1"] |= {
        "dockerfile": "FROM x\n",
        "docker_steps": ["RUN a", "ENV B=1"],
        "conda": conda,
    }
    assert slipway("environment", "download", "tools:1", "-t", tmp_path).code == 0
    assert (tmp_path / "Dockerfile").read_text() == "FROM x\n"
    assert (tmp_path / "docker-steps.txt").read_text() == "RUN a\nENV B=1\n"
    written = yaml.safe_load((tmp_path / "conda.yml").read_text())
    assert (written["channels"], written["dependencies"][2]) == (["own"], "libgdal=3.9")
