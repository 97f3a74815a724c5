"""Answers as tables."""

import pytest

from deployments.services.answer_table import table_of


def described(answer, classes=()):
    """For each row, by output: (label, text, percent) of its values; the highest marked with a star."""
    table = table_of(answer, classes)
    return [
        {
            output.name: [(value.label + "*" * value.is_highest, value.text, value.percent) for value in output.values]
            for output in row
        }
        for row in table.rows
    ]


def test_probabilities_have_shares_and_class_names():
    outputs = [
        {"name": "label", "shape": [1], "datatype": "INT64", "data": [1]},
        {"name": "p", "shape": [1, 2], "datatype": "FP32", "data": [0.125, 0.875]},
    ]
    assert described({"outputs": outputs}, ["setosa", "virginica"]) == [
        {
            "label": [("", "virginica (1)", None)],
            "p": [("setosa", "0.125", 12.5), ("virginica*", "0.875", 87.5)],
        }
    ]
    assert described({"outputs": outputs})[0] == {
        "label": [("", "1", None)],
        "p": [("0", "0.125", 12.5), ("1*", "0.875", 87.5)],
    }


def test_share_that_rounding_lifts_above_one_is_a_whole_bar():
    assert described({"data": [[1.0000002, 0.0]]}) == [{"answer": [("0*", "1", 100.0), ("1", "0", 0.0)]}]


def test_keys_of_a_map_output_label_its_values():
    output = {
        "name": "p",
        "shape": [1, 2],
        "datatype": "FP32",
        "data": [0.5, 0.5],
        "parameters": {"keys": ["no", "yes"]},
    }
    assert [label for label, _, _ in described({"outputs": [output]})[0]["p"]] == ["no*", "yes"]


def test_values_that_do_not_sum_to_one_have_no_shares():
    output = {"name": "y", "shape": [2, 2], "datatype": "FP32", "data": [0.5, 0.9, 12345.6, None]}
    assert described({"outputs": [output]}) == [
        {"y": [("0", "0.5", None), ("1", "0.9", None)]},
        {"y": [("0", "12,300", None), ("1", "–", None)]},
    ]


def test_short_format_and_script_responses_become_tables():
    assert described({"data": [[0.25, 0.75]]}) == [{"answer": [("0", "0.25", 25.0), ("1*", "0.75", 75.0)]}]
    assert described({"predictions": ["a", "b"]}) == [{"answer": [("", "a", None)]}, {"answer": [("", "b", None)]}]
    assert described({"data": [{"cat": 0.4, "dog": 0.6}]}) == [
        {"answer": [("cat", "0.4", 40.0), ("dog*", "0.6", 60.0)]}
    ]
    assert described({"class": "setosa", "score": 0.5}) == [
        {"class": [("", "setosa", None)], "score": [("", "0.5", None)]}
    ]


def test_table_is_limited_to_twenty_rows():
    table = table_of({"data": list(range(25))})
    assert (len(table.rows), table.left_out) == (20, 5)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        "text",
        [1, 2],
        {},
        {"outputs": []},
        {"outputs": ["x"]},
        {"outputs": [{"name": "y", "shape": [2], "data": [1]}]},
        {"outputs": [{"name": "y", "shape": [0, 3], "data": []}]},
        {"data": [[[1]]]},
        {"data": [[0.0] * 784]},
        {"data": []},
        {"message": {"nested": 1}},
    ],
)
def test_other_responses_have_no_table(answer):
    assert table_of(answer) is None
