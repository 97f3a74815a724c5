"""Names and ranges from the properties of a version."""

import pytest

from deployments.services.model_words import ModelWords, words_of
from registry.models import ModelVersion

RANGES = {"a": (0, 1.5)}


@pytest.mark.parametrize(
    "properties",
    [
        {"columns": ["a", "b"], "classes": ["no", "yes"], "ranges": {"a": [0, 1.5]}},
        {"columns": "a, b", "classes": "no,yes", "ranges": '{"a": [0, 1.5], "b": "all"}'},
    ],
)
def test_words_are_read_from_lists_and_from_text(properties):
    assert words_of(ModelVersion(properties=properties)) == ModelWords(["a", "b"], ["no", "yes"], RANGES)


@pytest.mark.parametrize("value", [3, None, {"a": 1}, "{", "[1]"])
def test_ranges_of_another_form_are_ignored(value):
    assert words_of(ModelVersion(properties={"ranges": value})).ranges == {}


def test_columns_of_the_signature_come_before_those_of_the_properties():
    signature = {"inputs": [], "outputs": [], "columns": ["own"]}
    assert words_of(ModelVersion(properties={"columns": "other"}, signature=signature)).columns == ["own"]
