"""Packages of conda become a step of an image, run with what the base brings."""

import os
import subprocess

import pytest

from registry.environments.conda_steps import MISSING, conda_steps
from registry.environments.definitions import define
from registry.environments.dockerfiles import read_steps

CONDA = {"channels": ["conda-forge", "own/channel"], "dependencies": ["libgdal >=3.9,<4", "openjdk[version='>=17']"]}


def run(step, path):
    return subprocess.run(
        ["/bin/sh", "-c", step.removeprefix("RUN ")],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", ["micromamba", "mamba", "conda"])
def test_packages_are_installed_by_what_the_base_has(tmp_path, program):
    (tmp_path / program).write_text('#!/bin/sh\nfor one in "$@"; do echo "$one"; done\n')
    (tmp_path / program).chmod(0o755)
    [step] = conda_steps(define("3.11", [], conda=CONDA).conda)
    assert read_steps([step]) == (step,)
    assert run(step, tmp_path).stdout.splitlines() == [
        "install", "--yes", "--name", "base", "--override-channels",
        "--channel", "conda-forge", "--channel", "own/channel",
        "libgdal >=3.9,<4", "openjdk[version='>=17']",
    ]  # fmt: skip


def test_base_without_conda_fails_with_the_reason(tmp_path):
    outcome = run(*conda_steps(CONDA), tmp_path)
    assert (outcome.returncode, outcome.stderr) == (1, f"{MISSING}{os.linesep}")


def test_definition_without_packages_of_conda_has_no_step():
    assert conda_steps({}) == ()
