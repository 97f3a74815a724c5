"""Whether the answers of a mirror agree with those that callers got."""

import gzip
import zlib

import pytest

from scoring.front.compare import Answer, compare, rounded_up, shown


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
    found = compare(Answer(200, ours.encode()), Answer(200, theirs.encode()))
    assert found.agrees is agrees
    assert found.outputs == pytest.approx(outputs)


def test_answers_of_another_status_disagree():
    assert not compare(Answer(200, b"{}"), Answer(500, b"{}")).agrees


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (0.0, "0"), (0.5, "5e-01"), (0.00031, "4e-04"), (0.00029, "3e-04"), (0.96, "1e+00"), (1.0, "1e+00"),
        (9.4, "1e+01"), (9.6e-5, "1e-04"), (123.0, "2e+02"), (9.6e99, "1e+100"),
    ],
)  # fmt: skip
def test_distances_are_rounded_up_to_one_digit(distance, expected):
    assert rounded_up(distance) == expected
    assert float(expected) >= distance


def test_names_of_outputs_are_short_and_printable():
    assert [shown(name) for name in ("logits", "a\0b\nc", "", "x" * 100)] == ["logits", "abc", "answer", "x" * 64]


@pytest.mark.parametrize(("coding", "encode"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_compressed_answers_are_compared_by_what_they_say(coding, encode):
    plain = Answer(200, b'{"a": 1.0}')
    assert compare(plain, Answer(200, encode(b'{"a": 1.00000001}'), coding)).agrees
    other = compare(plain, Answer(200, encode(b'{"a": 3.0}'), coding))
    assert (other.agrees, other.outputs) == (False, {"a": 2.0})


def test_what_is_not_compressed_as_it_says_disagrees():
    assert not compare(Answer(200, b'{"a": 1.0}'), Answer(200, b"no gzip", b"gzip")).agrees
    assert not compare(Answer(200, b"{}"), Answer(200, gzip.compress(bytes(100_000_000)), b"gzip")).agrees


def test_answers_that_are_nested_too_deeply_disagree():
    ours, theirs = (b"[" * 1000 + one + b"]" * 1000 for one in (b"1", b"2"))
    assert not compare(Answer(200, ours), Answer(200, theirs)).agrees
