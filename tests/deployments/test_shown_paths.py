"""Causes are shown to viewers: no folder names of the machine."""

import sys

from django.conf import settings

from deployments.causes import cause_of, cause_of_error
from deployments.shown_paths import shorten_paths
from studio.core.errors import SlipwayError

DATA = settings.DATA_DIR
TRACEBACK = f"""Traceback (most recent call last):
  File "{DATA}/lib/0123456789abcdef/scoring/script/entry_script.py", line 50, in load
  File "{DATA}/bundles/{"a" * 64}/source/score.py", line 3, in init
  File "{DATA}/environments/{"b" * 64}/lib/python3.11/site-packages/joblib/numpy_pickle.py", line 7, in load
  File "{sys.prefix}/lib/python3.11/site-packages/numpy/core.py", line 1
FileNotFoundError: [Errno 2] No such file: '{DATA}/bundles/{"a" * 64}/models/iris/1/model.pkl'"""
SHOWN = """Traceback (most recent call last):
  File "library/scoring/script/entry_script.py", line 50, in load
  File "bundle/source/score.py", line 3, in init
  File "environment/lib/python3.11/site-packages/joblib/numpy_pickle.py", line 7, in load
  File "environment/lib/python3.11/site-packages/numpy/core.py", line 1
FileNotFoundError: [Errno 2] No such file: 'bundle/models/iris/1/model.pkl'"""


def test_a_traceback_names_files_relative_to_what_people_know():
    assert shorten_paths(TRACEBACK) == SHOWN


def test_other_paths_stay():
    text = f"/usr/lib/python3.11/json.py, {DATA}-backup/x, /opt{DATA}/x"
    assert shorten_paths(text) == text


def test_causes_of_starts_and_of_builds_are_shortened():
    started = cause_of("init_failed", f"init(): {DATA}/services/s1/run is full", TRACEBACK)
    built = cause_of_error(SlipwayError("failed", evidence=TRACEBACK))
    raised = cause_of_error(FileNotFoundError(2, "No such file", f"{DATA}/artifacts/ab/abcd"))

    assert started["message"] == "init(): data/services/s1/run is full"
    assert started["evidence"] == built["evidence"] == SHOWN
    assert str(DATA) not in raised["evidence"]
