import errno
from typing import get_args

import pytest

from deployments.causes import CATALOGUE, cause_of, cause_of_error
from registry.environments.uv import Outcome, Sources
from registry.environments.uv_failures import failure_of
from scoring.contract import Reason
from studio.core.errors import BadInput

INSTALLER_TEXTS = {
    "environment_unsolvable": "No solution found when resolving dependencies",
    "package_unknown": "Because nothing was not found in the package registry and you require nothing",
    "package_unbuildable": "Failed to build `demo==1.0`",
    "index_unreachable": "Request failed after 3 retries",
    "hash_mismatch": "Hash mismatch for `demo==1.0`",
    "disk_full": "No space left on device (os error 28)",
    "environment_failed": "panic",
}


@pytest.mark.parametrize("reason", get_args(Reason))
def test_reasons_of_the_scoring_server_have_a_next_step(reason):
    cause = cause_of(reason, "", "Traceback …")
    assert cause["code"] == reason
    assert cause["message"].endswith(".")
    assert cause["hint"].endswith(".")
    assert cause["evidence"] == "Traceback …"


@pytest.mark.parametrize(("code", "text"), INSTALLER_TEXTS.items())
def test_every_failure_of_the_installer_is_in_the_catalogue(code, text):
    error = failure_of(Outcome(1, text), ["demo"], Sources())
    assert error.code == code
    assert (CATALOGUE[code].turn, CATALOGUE[code].retryable) == (error.turn, error.retryable)


@pytest.mark.parametrize(("ended", "code"), [("timeout", "environment_timeout"), ("cancelled", "build_cancelled")])
def test_processes_ended_by_the_driver_have_a_cause_in_the_catalogue(ended, code):
    assert failure_of(Outcome(-9, "", ended), [], Sources()).code == code
    assert code in CATALOGUE


@pytest.mark.parametrize(("name", "entry"), CATALOGUE.items())
def test_every_entry_is_a_sentence_with_a_next_step(name, entry):
    assert entry.sentence[0].isupper()
    assert entry.sentence.endswith(".")
    assert entry.hint.endswith(".")
    assert entry.turn in {"user", "us"}


def test_message_of_the_server_takes_precedence_over_the_catalogue():
    cause = cause_of("init_failed", "init() raised FileNotFoundError: model.pkl")
    assert cause["message"] == "init() raised FileNotFoundError: model.pkl"
    assert "AZUREML_MODEL_DIR" in cause["hint"]
    assert (cause["turn"], cause["retryable"]) == ("user", False)


def test_hint_of_the_server_takes_precedence_over_the_catalogue():
    assert cause_of("init_failed", "KeyError: 'VAULT'", hint="Set VAULT.")["hint"] == "Set VAULT."
    assert "--env NAME=VALUE" in cause_of("init_failed")["hint"]


def test_unknown_reason_keeps_its_code_and_gets_a_next_step():
    cause = cause_of("solar_flare", evidence="bits")
    assert (cause["code"], cause["hint"]) == ("solar_flare", CATALOGUE["internal"].hint)


def test_slipway_errors_keep_their_message():
    cause = cause_of_error(BadInput("Python 3.99 is not installed.", code="python_missing"))
    assert cause["message"] == "Python 3.99 is not installed."
    assert cause["hint"] == CATALOGUE["python_missing"].hint


def test_other_errors_are_explained_by_their_type():
    assert cause_of_error(OSError(errno.ENOSPC, "full"))["code"] == "disk_full"
    cause = cause_of_error(KeyError("x"))
    assert (cause["code"], cause["evidence"]) == ("build_failed", "KeyError: 'x'")
