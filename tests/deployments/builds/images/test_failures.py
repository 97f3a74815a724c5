"""What a failed build means: each failure by a text that an engine, a registry or a compiler has printed."""

import pytest

from deployments.builds.images.failures import KNOWN_CODES, build_failure, first_failing_line, from_first_failure
from deployments.builds.images.wheels import torch_build
from deployments.causes import CATALOGUE
from registry.environments.uv import Outcome, Sources

TEXTS = {
    "disk_full": "write /var/lib/docker/tmp/x: no space left on device",
    "compiler_missing": "error: command 'gcc' failed: No such file or directory",
    "conda_missing": "The base image has neither micromamba, mamba nor conda to install packages of conda with.",
    "base_without_shell": 'OCI runtime create failed: exec: "/bin/sh": stat /bin/sh: no such file or directory',
    "registry_login": "no basic auth credentials",
    "base_image_missing": "pull access denied for nobody/has, repository does not exist or may require 'docker login'",
    "registry_unreachable": 'Get "https://r.example/v2/": dial tcp: lookup r.example: no such host',
    "python_missing": "error: No interpreter found for Python 3.9 in search path",
    "dockerfile_invalid": "dockerfile parse error line 3: unknown instruction: INSTALL",
    "build_out_of_memory": "The command 'python3 -c x' returned a non-zero code: 137",
    "step_failed": "E: Unable to locate package x\nThe command 'apt-get install x' returned a non-zero code: 100",
    "image_failed": "something nobody has seen before",
}


@pytest.mark.parametrize("code", KNOWN_CODES)
def test_each_failure_is_known_by_its_text_and_has_a_cause_with_a_next_step(code):
    error = build_failure(Outcome(1, TEXTS[code]), base="base:1", requirements=(), sources=Sources())
    assert error.code == code
    assert CATALOGUE[code].hint
    assert error.message.endswith((".", "100", "before")) or code == "step_failed"


def test_installer_is_understood_inside_an_image_as_on_this_machine():
    text = "  × No solution found when resolving dependencies:\n  ╰─▶ Because you require a==1 and a==2, ..."
    error = build_failure(Outcome(1, text), base="b", requirements=["a==1", "a==2"], sources=Sources())
    assert error.code == "environment_unsolvable"


def test_evidence_begins_shortly_before_the_first_line_that_failed():
    text = "\n".join([f"line {number}" for number in range(50)] + ["E: Unable to locate package x", "more"])
    evidence = from_first_failure(text).splitlines()
    assert evidence == ["line 47", "line 48", "line 49", "E: Unable to locate package x", "more"]
    assert first_failing_line(text) == "E: Unable to locate package x"


def test_builds_of_pytorch_are_recognised_in_a_lock():
    assert torch_build("numpy==2.0\ntorch==2.13.0+cpu \\\n    --hash=sha256:0") == "cpu"
    assert torch_build("torch==2.13.0 \\\n") == ""
