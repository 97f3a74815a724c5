"""Completion of names in a shell."""

import os
import shutil
import subprocess
import sys

import httpx
import pytest

from slipway.commands import completion
from tests.slipway.fake import environment
from tests.stack import ROOT


@pytest.fixture
def complete(slipway, monkeypatch):
    """`complete("service", "show", "ir")` is what bash gets for this line."""

    def run(*words):
        monkeypatch.setenv("_SLIPWAY_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["slipway", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return slipway().out.split()

    return run


def test_names_of_services_and_models_are_completed(complete, deployed):
    assert complete("service", "show", "ir") == ["iris"]
    assert complete("service", "show", "x") == []
    assert complete("model", "show", "") == ["iris"]


def test_versions_are_completed_behind_a_colon_that_bash_takes_for_a_word(complete, deployed, monkeypatch):
    monkeypatch.setattr(deployed, "on_models", lambda request, rest: listed([{"id": "iris:1"}, {"id": "iris:12"}]))
    assert complete("model", "show", "iris", ":") == ["1", "12"]
    assert complete("model", "show", "iris", ":", "12") == ["12"]
    assert complete("service", "deploy", "-n", "new", "-m", "iris", ":", "1") == ["1", "12"]


def test_environments_are_completed_by_name_and_then_by_version(complete, signed_in):
    signed_in.environments = {"tools:1": environment({"name": "tools"})}
    assert complete("environment", "show", "to") == ["tools"]
    assert complete("config", "create", "--environment", "tools", ":") == ["1"]


def test_members_workspaces_and_words_of_options_are_completed(complete, signed_in):
    assert complete("member", "remove", "al") == ["alice"]
    assert complete("workspace", "use", "v") == ["vision"]
    assert complete("service", "list", "-o", "t") == ["table", "tsv"]


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.Response(500), httpx.Response(200, json=[])])
def test_nothing_is_proposed_where_the_studio_does_not_answer(complete, signed_in, answer):
    signed_in.faults = [("GET", "/services", answer)]
    assert complete("service", "show", "") == []
    assert len(signed_in.requests) == 1, "nobody waits for another try"


def test_nothing_is_proposed_where_nobody_is_signed_in(complete):
    assert complete("service", "show", "") == []


def listed(rows):
    return httpx.Response(200, json={"results": rows, "next": None})


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_replaces_only_what_stands_behind_the_colon(tmp_path):
    (tmp_path / "slipway").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{PROPOSES}'\n")
    (tmp_path / "slipway").chmod(0o755)
    script = """
    COMP_WORDS=(slipway model show iris : 1); COMP_CWORD=5
    IFS=$'\\n'
    env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _SLIPWAY_COMPLETE=complete_bash slipway
    """
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1", "12"], done.stderr


PROPOSES = """
from slipway.commands import completion
completion._proposed = lambda names, incomplete: [n for n in ("iris:1", "iris:12") if n.startswith(incomplete)]
from slipway.cli import main
main([])
"""


@pytest.mark.parametrize(
    ("words", "at", "joined"),
    [
        (["a", "b", ":", "1"], 3, (["a", "b:1"], 1)),
        (["a", "b", ":"], 2, (["a", "b:"], 1)),
        (["a", "b", ":", ""], 3, (["a", "b:"], 1)),
        (["a", "http", ":", "//x", "c"], 4, (["a", "http://x", "c"], 2)),
        (["a", "b", ":", "1", "c", ":", "2"], 3, (["a", "b:1", "c:2"], 1)),
    ],
)
def test_words_that_bash_has_split_are_joined_at_colons(words, at, joined):
    assert completion._joined(words, at) == joined
