"""Telemetry that containers leave with the driver, as they may connect to nobody."""

import json
import time

import pytest

from deployments.targets.base import KeepsWindows
from tests.targets.contract import until


@pytest.fixture(params=["shared", "copied"])
def ready(request, driver, make_copying, spec):
    """A driver with an instance that has left three windows."""
    made = driver if request.param == "shared" else make_copying()
    made.apply(spec)
    until(made, spec.ref, "ready")
    return made


def test_windows_are_taken_once_oldest_first(ready, spec):
    assert isinstance(ready, KeepsWindows)
    kept = []
    assert ready.take_windows(spec.ref, kept.extend) == 3
    assert [json.loads(one)["window"] for one in kept] == [0, 1, 2]
    end = time.monotonic() + 10
    while ready.take_windows(spec.ref, lambda found: None) and time.monotonic() < end:
        time.sleep(0.1)
    assert ready.take_windows(spec.ref, kept.extend) == 0


def test_windows_that_cannot_be_kept_stay(ready, spec):
    def full(found):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ready.take_windows(spec.ref, full)
    kept = []
    assert ready.take_windows(spec.ref, kept.extend) == 3


def test_instance_without_containers_has_none(ready, spec):
    until(ready, spec.ref, "absent", lambda: ready.stop(spec.ref))
    assert ready.take_windows(spec.ref, lambda found: None) in (0, 3)  # what is left in a shared folder counts
