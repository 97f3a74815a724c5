"""`slipway model`: register, list, show, download, delete."""

import json
from typing import get_args

import pytest

from registry.models.version import VersionState
from slipway.commands import model as model_commands
from tests.slipway.fake import error

NARROW = "name=iris,state=ready,framework=scikit-learn"


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


def test_register_of_missing_file_ends_with_2(slipway, signed_in):
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
        (["--model-name", "iris", "--state", "ready", "--framework", "scikit-learn"], NARROW),
        (["-n", 'a "b"', "--filter", "x"], 'name="a \\"b\\"",(x)'),
    ],
)
def test_tags_and_filter_become_one_filter(slipway, registered, options, sent):
    assert slipway("model", "list", *options).code == 0
    assert registered.filter == sent


def test_list_cut_by_limit_is_reported_on_standard_error(slipway, registered, model):
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
    warnings = "Warning: ONNX Runtime cannot load it.\nWarning: It uses operators of my.ops.\n"
    slipway("model", "register", "-n", "iris", "-p", model, "--wait")
    assert slipway("model", "show", "iris").err == warnings


def test_model_is_downloaded(slipway, registered, tmp_path):
    target = tmp_path / "target"
    answer = slipway("model", "download", "iris:1", "-t", target, "--json")
    assert json.loads(answer.out) == {"id": "iris:1", "files": [str(target / "model.onnx")]}
    assert (target / "model.onnx").read_bytes() == b"0123456789"
    assert slipway("model", "download", "iris:1", "-t", target).code == 5
    assert slipway("model", "download", "iris:1", "-t", target, "--overwrite").code == 0


def test_model_delete_asks_first_and_needs_a_version(slipway, registered):
    assert slipway("model", "delete", "iris:1").code == 2
    assert slipway("model", "delete", "iris", "--yes").code == 2
    assert slipway("model", "delete", "iris:1", "--yes").out == "Deleted iris:1.\n"
    assert slipway("model", "show", "iris:1").code == 4


def test_a_version_in_use_ends_with_5(slipway, registered):
    registered.versions["iris:1"]["services"] = ["iris"]
    answer = slipway("model", "delete", "iris:1", "--yes")
    assert (answer.code, answer.err) == (5, "Error: iris:1 is in use by iris.\n")


def test_model_update_changes_tags_properties_and_description_at_once(slipway, registered):
    answer = slipway(
        *("model", "update", "iris:1", "--tag", "stage=production", "--add-tag", "x=", "--remove-tag", "area"),
        *("--property", "accuracy=0.97", "-d", "Better.", "-o", "json"),
    )
    version = json.loads(answer.out)
    assert version["tags"] == {"stage": "production", "x": ""}
    assert (version["properties"], version["description"]) == ({"accuracy": "0.97"}, "Better.")
    assert [verb for verb, _ in registered.requests].count("PATCH") == 1


def test_model_update_can_empty_the_description_and_nothing_else(slipway, registered):
    registered.versions["iris:1"]["description"] = "Old."
    slipway("model", "update", "iris:1", "--description", "")
    assert registered.versions["iris:1"]["description"] == ""
    assert registered.versions["iris:1"]["tags"] == {"area": "demo"}


@pytest.mark.parametrize("options", [["iris:1"], ["iris", "--tag", "a=b"], ["iris:1", "--tag", "a"]])
def test_model_update_without_version_change_or_value_ends_with_2(slipway, registered, options):
    registered.requests.clear()
    assert slipway("model", "update", *options).code == 2
    assert registered.requests == []


def test_filter_that_the_studio_refuses_ends_with_2(slipway, signed_in):
    signed_in.faults = [("GET", "models", error(400, "bad_filter", "A value was expected at position 5."))]
    answer = slipway("model", "list", "--filter", "area=")
    assert (answer.code, answer.err) == (2, "Error: A value was expected at position 5.\n")


def test_states_of_the_list_filter_are_those_of_the_studio():
    assert list(get_args(model_commands.State)) == VersionState.values


def test_rejected_version_is_inspected_again_and_waited_for(slipway, registered):
    registered.inspections = ["rejected", "uploaded", "ready"]
    answer = slipway("model", "inspect", "iris:1", "--wait", "-o", "json")
    assert (answer.code, json.loads(answer.out)["state"]) == (0, "ready")
    assert ("POST", "workspaces/vision/versions/iris:1/inspect") in registered.requests
