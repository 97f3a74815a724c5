"""`slipway admin`: collect, and what it hands to the studio's own program."""

import json
import os
import subprocess
import sys

import httpx
import psutil
import pytest

from tests.slipway.fake import error
from tests.stack import ROOT, wait_for

ITEM = {
    "kind": "bundle",
    "name": "0123456789ab",
    "why": "no service has it among its newest revisions",
    "unused_since": "2026-10-01T12:00:00Z",
    "bytes": 1_500_000,
}
DONE = {
    "id": 7,
    "state": "succeeded",
    "dry_run": True,
    "count": 2,
    "freed_bytes": 2_000_000,
    "kinds": {"bundle": {"count": 2, "bytes": 2_000_000}},
    "items": [ITEM],
    "problems": ["environment abc: not yours"],
    "error": None,
}


@pytest.fixture
def collecting(signed_in):
    """`collecting(count=0)` is a studio whose collection ends like that."""

    def ends(**facts):
        running = httpx.Response(202, json=DONE | {"state": "running"})
        found = [running, running, httpx.Response(200, json=DONE | facts)]
        places = [("POST", "admin/collection"), ("GET", "admin/collection/7"), ("GET", "admin/collection/7")]
        signed_in.faults = [(*place, response) for place, response in zip(places, found, strict=True)]
        return signed_in

    return ends


def test_preview_of_collection_is_a_table_with_a_total(slipway, collecting):
    collecting()
    answer = slipway("admin", "collect", "--dry-run")
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == [
        "bundle\t0123456789ab\t2026-10-01T12:00:00Z\t1500000\tno service has it among its newest revisions",
        "... and 1 more",
        "2 unused items would be removed, which would free 2.0 MB.",
    ]
    assert "Not removed: environment abc: not yours" in answer.err


def test_collection_without_confirmation_removes_nothing(slipway, collecting):
    studio = collecting(dry_run=False)
    assert slipway("admin", "collect").code == 2
    assert studio.requests == []
    assert "2 unused items removed, which freed 2.0 MB." in slipway("admin", "collect", "--yes").out


def test_collection_as_json_is_the_whole_answer(slipway, collecting):
    collecting()
    assert json.loads(slipway("admin", "collect", "--dry-run", "--json").out) == DONE


def test_failed_collection_is_reported_with_its_cause(slipway, collecting):
    collecting(state="failed", error={"code": "disk_full", "message": "The disk is full.", "hint": "Free space."})
    answer = slipway("admin", "collect", "--dry-run")
    assert answer.code == 1
    assert "The disk is full." in answer.err


def test_collection_by_non_administrator_ends_with_3(slipway, signed_in):
    signed_in.faults = [("POST", "admin/collection", error(403, "forbidden", "This is for administrators."))]
    assert slipway("admin", "collect", "--dry-run").code == 3


STUCK = """
import os, time
from pathlib import Path

Path(os.environ["STARTED"]).write_text(f"{os.getpid()} ")
time.sleep(60)
"""


def test_what_the_studio_does_for_a_command_ends_when_the_command_is_killed(tmp_path):
    (tmp_path / "stuck.py").write_text(STUCK)
    started = tmp_path / "started"
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "stuck", "PYTHONPATH": str(tmp_path), "STARTED": str(started)}
    command = [sys.executable, "-m", "slipway", "admin", "backup", str(tmp_path / "place")]
    with subprocess.Popen(command, cwd=ROOT, env=environ) as wrapper:
        wait_for(lambda: started.exists() and started.read_text().endswith(" "), 60, "the studio's program at work")
        child = psutil.Process(int(started.read_text()))
        wrapper.kill()
    child.wait(30)
