"""A request as fields, and back."""

import json

import pytest

from deployments.services.model_words import ModelWords
from deployments.services.request_form import form_for
from studio.core.errors import BadInput

WORDS = ModelWords(columns=["length", "width"], ranges={"length": (4.3, 7.9)})


def tensor(datatype="FP32", shape=(2, 2), data=(1.5, 2.5, 3.5, 4.5), name="x"):
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": list(data)}


def filled(sample, *values):
    form = form_for(sample, ModelWords())
    return json.loads(form.filled(dict(zip((field.name for field in form.fields), values, strict=True))))


def test_form_has_a_field_for_each_column_of_the_first_row():
    form = form_for({"inputs": [tensor()]}, WORDS)
    assert [(field.label, field.value, field.hint) for field in form.fields] == [
        ("length", 1.5, "4.3 to 7.9"),
        ("width", 2.5, "number"),
    ]


def test_filled_form_is_a_request_of_one_row():
    body = filled({"inputs": [tensor()]}, "7", "-0,5")
    assert body == {"inputs": [tensor(shape=(1, 2), data=(7.0, -0.5))]}


def test_form_has_fields_for_each_input_by_data_type():
    sample = {
        "inputs": [
            tensor("INT64", (1, 1), [3], "age"),
            tensor("BOOL", (1, 1), [True], "member"),
            tensor("BYTES", (1, 1), ["red"], "colour"),
        ]
    }
    assert [(field.label, field.kind) for field in form_for(sample, ModelWords()).fields] == [
        ("age", "whole"),
        ("member", "switch"),
        ("colour", "text"),
    ]
    body = filled(sample, "9007199254740993", "", "blue")
    assert [one["data"] for one in body["inputs"]] == [[9007199254740993], [False], ["blue"]]


def test_empty_number_becomes_null():
    assert filled({"inputs": [tensor(shape=(1, 1), data=[1.0])]}, "")["inputs"][0]["data"] == [None]


@pytest.mark.parametrize(
    ("datatype", "typed", "why"),
    [
        ("UINT8", "256", "between 0 and 255"),
        ("INT8", "-129", "between -128 and 127"),
        ("INT32", "1.5", "no whole number"),
        ("INT32", "", "needs a whole number"),
        ("FP32", "many", "no number"),
        ("FP32", "inf", "no number that JSON knows"),
        ("FP64", "nan", "no number that JSON knows"),
    ],
)
def test_invalid_value_is_refused_with_the_name_of_its_field(datatype, typed, why):
    with pytest.raises(BadInput, match=f"x: .*{why}"):
        filled({"inputs": [tensor(datatype, (1, 1), [0])]}, typed)


def test_form_is_made_from_rows_and_objects_of_scripts():
    assert filled({"data": [[1, 2], [3, 4]]}, "5", "6") == {"data": [[5.0, 6.0]]}
    assert filled({"data": [{"a": 1, "b": "x"}]}, "5", "y") == {"data": [{"a": 5.0, "b": "y"}]}
    assert filled({"text": "hello", "top": 3}, "hi", "1") == {"text": "hi", "top": 1.0}
    assert [field.label for field in form_for({"data": [[1, 2]]}, WORDS).fields] == ["length", "width"]


@pytest.mark.parametrize(
    "sample",
    [
        None,
        [],
        {},
        {"data": []},
        {"data": [[[1]]]},
        {"data": [[0.0] * 65]},
        {"nested": {"a": 1}},
        {"inputs": []},
        {"inputs": "x"},
        {"inputs": [{"name": "x"}]},
        {"inputs": [tensor(shape=(1, 28, 28), data=[0.0] * 784)]},
        {"inputs": [tensor(data=[[1.5, 2.5], [3.5, 4.5]])]},
    ],
)
def test_requests_of_other_shapes_have_no_form(sample):
    assert form_for(sample, ModelWords()) is None
