"""`slipway model`: register, list, show, download, delete."""

import json

import pytest


def test_a_model_is_registered_with_all_it_was_given(slipway, signed_in, model):
    answer = slipway(
        *("model", "register", "-n", "iris", "-p", model, "--tag", "area=demo", "--tag", "stage=a=b"),
        *("--property", "run=7", "--description", "Small.", "--framework", "onnx", "--framework-version", "1.23"),
        *("--wait", "--json"),
    )
    assert answer.code == 0
    version = json.loads(answer.out)
    assert (version["id"], version["state"]) == ("iris:1", "ready")
    assert version["tags"] == {"area": "demo", "stage": "a=b"}
    assert (version["properties"], version["description"]) == ({"run": "7"}, "Small.")
    assert (version["framework"], version["framework_version"]) == ("onnx", "1.23")


def test_a_rejected_model_ends_with_1_and_says_why(slipway, signed_in, model):
    signed_in.inspections = ["rejected"]
    answer = slipway("model", "register", "-n", "iris", "-p", model, "--wait", "--json")
    assert answer.code == 1
    assert "This is no ONNX file." in answer.err
    assert "Hint: Export it again." in answer.err
    assert json.loads(answer.out)["error"]["code"] == "onnx_invalid"


@pytest.mark.parametrize("tags", [["area"], ["=x"], ["a=1", "a=2"]])
def test_a_tag_of_the_wrong_form_ends_with_2_before_anything_is_sent(slipway, signed_in, model, tags):
    options = [part for tag in tags for part in ("--tag", tag)]
    assert slipway("model", "register", "-n", "iris", "-p", model, *options).code == 2
    assert signed_in.requests == []


def test_a_file_that_is_not_there_ends_with_2(slipway, signed_in):
    answer = slipway("model", "register", "-n", "iris", "-p", "nothing.onnx")
    assert answer.code == 2
    assert "nothing.onnx" in answer.err


def test_models_are_listed_as_columns_where_there_is_no_terminal(slipway, registered):
    answer = slipway("model", "list")
    assert answer.out.splitlines() == [
        "NAME\tVERSION\tFRAMEWORK\tSTATE\tTAGS\tSERVICES",
        "iris\t1\tcustom\tuploaded\tarea=demo\t",
    ]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ([], ""),
        (["--filter", "area=vision OR area=text"], "area=vision OR area=text"),
        (["--tag", "area=demo", "--tag", "stage=prod"], "area=demo,stage=prod"),
        (["--tag", "area=demo", "--filter", "a=1 OR a=2"], "area=demo,(a=1 OR a=2)"),
    ],
)
def test_tags_and_filter_become_one_filter(slipway, registered, options, sent):
    assert slipway("model", "list", *options).code == 0
    assert registered.filter == sent


def test_a_limit_is_told_on_standard_error(slipway, registered, model):
    slipway("model", "register", "-n", "digits", "-p", model)
    answer = slipway("model", "list", "--limit", "1", "--json")
    assert len(json.loads(answer.out)) == 1
    assert "--limit" in answer.err


def test_a_version_is_shown_with_its_files_and_signature(slipway, registered):
    answer = slipway("model", "show", "iris")
    assert "version     iris:1\n" in answer.out
    assert "X FP32[-1, 4], alpha FP32[] optional" in answer.out
    assert "  model.onnx  10 B  84d89877" in answer.out


def test_warnings_about_a_version_are_shown(slipway, signed_in, model):
    signed_in.version_warnings = ["ONNX Runtime cannot load it.", "It uses operators of my.ops."]
    told = "Warning: ONNX Runtime cannot load it.\nWarning: It uses operators of my.ops.\n"
    slipway("model", "register", "-n", "iris", "-p", model, "--wait")
    assert slipway("model", "show", "iris").err == told


def test_a_model_comes_back_from_the_studio(slipway, registered, tmp_path):
    target = tmp_path / "target"
    answer = slipway("model", "download", "iris:1", "-t", target, "--json")
    assert json.loads(answer.out) == {"id": "iris:1", "files": [str(target / "model.onnx")]}
    assert (target / "model.onnx").read_bytes() == b"0123456789"
    assert slipway("model", "download", "iris:1", "-t", target).code == 5
    assert slipway("model", "download", "iris:1", "-t", target, "--overwrite").code == 0


def test_deleting_asks_first_and_needs_a_version(slipway, registered):
    assert slipway("model", "delete", "iris:1").code == 2
    assert slipway("model", "delete", "iris", "--yes").code == 2
    assert slipway("model", "delete", "iris:1", "--yes").out == "Deleted iris:1.\n"
    assert slipway("model", "show", "iris:1").code == 4


def test_a_version_in_use_ends_with_5(slipway, registered):
    registered.versions["iris:1"]["services"] = ["iris"]
    answer = slipway("model", "delete", "iris:1", "--yes")
    assert (answer.code, answer.err) == (5, "Error: iris:1 is in use by iris.\n")
