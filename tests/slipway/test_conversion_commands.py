"""`slipway model convert` and `model optimise`: what people type, and what they get."""

import json

import httpx
import pytest

VARIANT = {"name": "onnx", "verdict": "recommended", "reason": "Faster, with the same answers.", "changed": 0}
VARIANT |= {"speed_up_one": 525.0, "speed_up_many": 1.7, "largest_difference": 3e-7, "facts": {}, "version": "wine:2"}
ROW = {"id": 5, "model": "wine:1", "goal": "convert", "step": "measuring", "progress": 0.5, "error": None}
ROW |= {"variants": [], "recommended": None, "new_version": None, "original": {}}
DONE = ROW | {"state": "succeeded", "variants": [VARIANT], "recommended": "onnx", "new_version": "wine:2"}


@pytest.fixture
def converting(deployed):
    """A studio that converts wine:1 in two looks."""
    looks = iter([ROW | {"state": "running"}, DONE])

    def answer(request, rest):
        if request.method == "POST":
            deployed.asked = json.loads(request.content)
            return httpx.Response(202, json=ROW | {"state": "queued"})
        return httpx.Response(200, json=next(looks))

    deployed.on_conversions = answer
    return deployed


def test_winner_is_registered_and_named(slipway, converting, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("a,class\n1,0\n")
    answer = slipway("model", "convert", "wine:1", "--rows", rows, "--label", "class", "--wait", "--json")
    assert answer.code == 0, answer.err
    assert converting.asked == {
        "model": "wine:1",
        "goal": "convert",
        "register": True,
        "rows": "a,class\n1,0\n",
        "label": "class",
    }
    found = json.loads(answer.out)
    assert (found["new_version"], found["variants"][0]["speed_up_one"]) == ("wine:2", 525.0)
    assert found["variants"][0]["largest_difference"] == 3e-7


def test_table_has_speed_up_and_difference(slipway, converting):
    answer = slipway("model", "convert", "wine:1", "--wait")
    assert "3.0e-07" in answer.out
    assert "Registered wine:2, derived from wine:1." in answer.err


def test_without_wait_the_conversion_is_named(slipway, converting, tmp_path):
    rows = tmp_path / "rows.json"
    rows.write_text("[[1, 2]]")
    answer = slipway("model", "optimise", "wine:2", "--rows", rows, "--variant", "int8-static", "--no-register")
    assert answer.code == 0, answer.err
    assert converting.asked == {
        "model": "wine:2",
        "goal": "optimise",
        "register": False,
        "rows": [[1, 2]],
        "variants": ["int8-static"],
    }
    assert "Conversion 5" in answer.out + answer.err


def test_failure_has_cause_and_next_step(slipway, converting):
    error = {"code": "conversion_refused", "message": "OrdinalEncoder is not converted.", "hint": "Serve it as it is."}
    converting.on_conversions = lambda request, rest: httpx.Response(
        202 if request.method == "POST" else 200, json=ROW | {"state": "failed", "error": error}
    )
    answer = slipway("model", "convert", "wine:1", "--wait")
    assert answer.code != 0
    assert "OrdinalEncoder is not converted." in answer.err
    assert "Serve it as it is." in answer.err


def test_rows_that_are_not_there_are_a_misuse(slipway, converting, tmp_path):
    assert slipway("model", "convert", "wine:1", "--rows", tmp_path / "none.csv").code == 2
