"""Conversions, from the request over the sandbox to the version that is registered."""

import json
import pickle
from datetime import timedelta
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from sklearn.datasets import load_wine

from registry.conversion import attempt, conversions
from registry.conversion.conversions import ConversionRequest
from registry.conversion.sandbox import written_file
from registry.models import Conversion
from registry.store import artifacts
from studio.activity.models import Event
from studio.core.atomic_folders import exclusive
from studio.core.job_heartbeat import LeaseLost
from studio.core.job_runner import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_environment")]


def test_a_forest_becomes_a_faster_version_with_the_same_answers(sklearn_version, forest, convert, workspace):
    source = sklearn_version(forest)
    done = convert("wine:1", register=True)
    assert (done.state, done.error) == ("succeeded", None)
    best = done.recommended
    assert best.name == "onnx"
    assert best.one > 5
    assert best.largest < 1e-5
    assert best.changed == 0
    version = best.version
    assert str(version) == "wine:2"
    assert version.derived_from == source
    assert version.derivation["from"] == "wine:1"
    assert version.framework == "onnx"
    rows, _ = load_wine(return_X_y=True)
    with artifacts.open_artifact(version.files.get().artifact) as file:
        session = onnxruntime.InferenceSession(file.read())
    labels, chances = session.run(None, {"X": rows[:3].astype(np.float32)})
    assert labels.tolist() == [0, 0, 0]
    assert chances.shape == (3, 3)
    kinds = set(Event.objects.filter(workspace=workspace).values_list("action", flat=True))
    assert {"version.derived", "version.converted", "version.registered"} <= kinds


def test_variants_that_were_not_tried_say_why(sklearn_version, forest, convert):
    sklearn_version(forest)
    done = convert("wine:1", variants=("onnx", "int8-dynamic"))
    assert [one.verdict for one in done.variants.all()] == ["recommended", "not tried"]
    assert "matrix products" in done.variants.get(name="int8-dynamic").reason


class Loops:
    def __reduce__(self):
        return exec, ("while True: pass",)


class Hog:
    def __reduce__(self):
        return eval, ("[bytearray(1024**3) for _ in range(64)]",)


class Dies:
    def __reduce__(self):
        return eval, ("__import__('ctypes').string_at(0)",)


class Spies:
    def __reduce__(self):
        return eval, ("open(__import__('glob').glob('/tmp/*/db.sqlite3')[0]).read()",)


class NotHere:
    """Of a module that the environment does not have."""


@pytest.mark.parametrize(
    ("model", "code"),
    [(Loops, "conversion_timeout"), (Hog, "conversion_memory"), (Dies, "conversion_crashed"), (Spies, "cannot_load")],
)
def test_files_that_misbehave_fail_the_job_and_nothing_else(sklearn_version, convert, settings, model, code):
    settings.SLIPWAY = settings.SLIPWAY | {"CONVERSION_SECONDS": 12 if model is Loops else 120}
    settings.SLIPWAY["CONVERSION_MEMORY_BYTES"] = 4 * 1024**3
    sklearn_version(pickle.dumps(model()))
    done = convert("wine:1")
    assert (done.state, done.error["code"]) == ("failed", code), done.error
    assert not done.variants.exists()
    assert not list(artifacts.incoming().glob("inspect-conversion-*"))


def test_a_class_that_is_not_installed_is_named(sklearn_version, convert):
    here = NotHere.__module__.encode()
    content = pickle.dumps(NotHere()).replace(here, b"x" * len(here))
    sklearn_version(content)
    done = convert("wine:1")
    assert done.error["code"] == "class_missing"
    assert "Name an environment" in done.error["hint"]


def test_rows_of_a_wrong_width_are_refused_with_both_widths(sklearn_version, forest, convert):
    sklearn_version(forest)
    done = convert("wine:1", rows=b"a,b\n1,2\n", rows_name="rows.csv")
    assert (done.error["code"], "takes 13" in done.error["message"]) == ("bad_rows", True)


def test_a_variant_that_kills_the_process_is_left_out(sklearn_version, forest, convert, monkeypatch):
    """The program dies while it tries one; the job goes on with the others."""
    told = {"trying": "float16"}
    whole = attempt.run_program
    runs = []

    def dying(task, *given, on_told, **named):
        runs.append(json.loads(task.read_text())["skip"])
        if len(runs) == 1:
            on_told(told)
            return attempt.Ended(-11, [told], "")
        return whole(task, *given, on_told=on_told, **named)

    monkeypatch.setattr(attempt, "run_program", dying)
    sklearn_version(forest)
    done = convert("wine:1", variants=("onnx", "float16"))
    assert [one.verdict for one in done.variants.all()] == ["recommended", "failed"]
    assert "SIGSEGV" in done.variants.get(name="float16").reason


def test_a_cancelled_job_ends_its_program(sklearn_version, convert, workspace, bob, monkeypatch):
    sklearn_version(pickle.dumps(Loops()))
    job = conversions.request_conversion(workspace, bob, ConversionRequest("wine:1"))
    monkeypatch.setattr(attempt.Heartbeat, "check", _lost)
    run_job("conversion", job.pk)
    job.refresh_from_db()
    assert not list(artifacts.incoming().glob("inspect-conversion-*"))
    assert job.state == "running"  # whoever has taken it over, or cancelled it, says how it ends


def _lost(self):
    raise LeaseLost


def test_a_second_one_waits_in_the_queue_without_losing_an_attempt(sklearn_version, forest, workspace, bob):
    sklearn_version(forest)
    job = conversions.request_conversion(workspace, bob, ConversionRequest("wine:1"))
    with exclusive(Path(django_settings.DATA_DIR) / "run" / "conversion"):
        run_job("conversion", job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.step) == ("queued", 0, "waiting for another conversion")


def test_a_job_whose_worker_was_killed_is_done_once_by_the_next(sklearn_version, forest, workspace, bob):
    sklearn_version(forest)
    job = conversions.request_conversion(workspace, bob, ConversionRequest("wine:1", variants=("onnx",), register=True))
    left = artifacts.incoming() / f"inspect-conversion-{job.pk}-1"
    (left / "out").mkdir(parents=True)
    Conversion.objects.filter(pk=job.pk).update(
        state="running", attempt=1, lease_until=timezone.now() - timedelta(days=1)
    )
    run_job("conversion", job.pk)
    done = conversions.find_conversion(workspace, job.pk)
    assert (done.state, done.attempt, done.variants.count()) == ("succeeded", 2, 1)
    assert str(done.new_version) == "wine:2"
    assert not left.exists()


def test_what_the_program_writes_is_taken_only_as_a_plain_file(tmp_path):
    (tmp_path / "onnx.onnx").symlink_to("/etc/passwd")
    (tmp_path / "two.onnx").write_bytes(b"x")
    (tmp_path / "three.onnx").hardlink_to(tmp_path / "two.onnx")
    (tmp_path / "four.onnx").mkdir()
    for name in ("onnx.onnx", "three.onnx", "four.onnx"):
        with pytest.raises(OSError), written_file(tmp_path, name):
            pass


def test_an_equal_conversion_under_way_is_given_again(sklearn_version, forest, workspace, bob):
    sklearn_version(forest)
    first = conversions.request_conversion(workspace, bob, ConversionRequest("wine:1"))
    assert conversions.request_conversion(workspace, bob, ConversionRequest("wine:1")) == first
    assert Conversion.objects.count() == 1
