"""Whether the answers of a mirror agree with those that callers got."""

import pytest

from scoring.front.compare import compare


@pytest.mark.parametrize(
    ("ours", "theirs", "agrees", "outputs"),
    [
        ('{"a": [1.0, 2.0]}', '{"a": [1.0, 2.5]}', False, {"a": 0.5}),
        ('{"a": 1.0, "b": "x"}', '{"a": 1.00001, "b": "x"}', True, {"a": 1.00001 - 1.0}),
        ('{"a": 100000.0}', '{"a": 100001.0}', True, {"a": 1.0}),
        ('{"a": "x"}', '{"a": "y"}', False, {}),
        ('{"a": 1}', '{"a": true}', False, {}),
        ('{"a": 1}', '{"b": 1}', False, {}),
        ("[1, 2]", "[1, 2, 3]", False, {}),
        ("[[1], [2]]", "[[1], [4]]", False, {"answer": 2.0}),
        ('{"id": "1", "a": null}', '{"id": "2", "a": null}', True, {}),
        (
            '{"model_version": "1", "outputs": [{"name": "p", "data": [0.5]}]}',
            '{"model_version": "2", "outputs": [{"name": "p", "data": [0.25]}]}',
            False,
            {"p": 0.25},
        ),
        ("not json", "not json", True, {}),
        ("not json", "other", False, {}),
    ],
)
def test_answers_are_compared_number_by_number(ours, theirs, agrees, outputs):
    found = compare((200, ours.encode()), (200, theirs.encode()))
    assert found.agrees is agrees
    assert found.outputs == pytest.approx(outputs)


def test_answers_of_another_status_disagree():
    assert not compare((200, b"{}"), (500, b"{}")).agrees
