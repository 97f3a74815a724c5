"""Rows of people, as CSV and JSON, and what is wrong with them."""

import json

import pytest

from registry.conversion.inside import tables
from registry.conversion.inside.rows import BadRows, Feature, Schema, read_table

TWO = {"a": ["1", "2"], "b": ["3", "4"]}


@pytest.fixture
def read(tmp_path):
    def make(text, name="rows.json", label=""):
        place = tmp_path / name
        place.write_text(text if isinstance(text, str) else json.dumps(text))
        return tables.read(place, label)

    return make


def test_csv_has_names_and_labels(read):
    table, labels = read("a,b,label\n1,3,0\n2,4,1\n", "rows.csv", "label")
    assert (table, labels.tolist()) == (TWO, [0.0, 1.0])


@pytest.mark.parametrize(
    "document",
    [
        {"data": [[1, 3], [2, 4]]},
        [[1, 3], [2, 4]],
        [{"a": 1, "b": 3}, {"a": 2, "b": 4}],
        {"a": [1, 2], "b": [3, 4]},
        {"columns": ["a", "b"], "data": [[1, 3], [2, 4]]},
    ],
)
def test_json_comes_in_every_form_that_services_take(read, document):
    table, _ = read(document)
    assert list(table.values()) == [[1, 2], [3, 4]]


def test_tensors_of_v2_have_their_shape(read):
    table, _ = read({"inputs": [{"name": "x", "shape": [1, 2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]})
    assert table == {"x": [[[1, 2], [3, 4]]]}


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("a,b\n", "rows.csv", "rows must follow"),
        ("a,b\n1,2\n1\n", "rows.csv", "Row 3 of the CSV has 1 fields"),
        ("{", "rows.json", "no JSON"),
        ("[]", "rows.json", "no rows"),
        ("7", "rows.json", "no rows"),
        ("[[1,2],[3]]", "rows.json", "different lengths"),
        ('[{"a":1},{"b":1}]', "rows.json", "different columns"),
        ('{"inputs":[{"name":"x","shape":[3],"data":[1]}]}', "rows.json", "fit"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(read, text, name, why):
    with pytest.raises(BadRows, match=why):
        read(text, name)


def test_a_column_of_labels_must_be_there(read):
    with pytest.raises(BadRows, match="no column species"):
        read("a\n1\n", "rows.csv", "species")


def test_rows_of_another_width_are_refused():
    schema = Schema([Feature("a"), Feature("b"), Feature("c")])
    with pytest.raises(BadRows, match=r"have 2 columns.*takes 3"):
        read_table(TWO, schema)


def test_columns_are_taken_by_name_or_by_position():
    rows = read_table({"b": ["3", "4"], "a": ["1", ""]}, Schema([Feature("a"), Feature("b")]))
    assert rows["X"][0].tolist() == [1.0, 3.0]
    assert read_table({"x": [1], "y": [2]}, Schema([Feature("a"), Feature("b")]))["X"].tolist() == [[1.0, 2.0]]


def test_texts_in_a_column_of_numbers_are_refused():
    with pytest.raises(BadRows, match="column a must hold numbers"):
        read_table({"a": ["red"]}, Schema([Feature("a")]))
