"""The filter language: parsing, formatting, and errors with their position."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.models import VersionState
from registry.search.filter_parser import MAX_LENGTH, MAX_TERMS, read
from registry.search.filter_tree import (
    FIELDS,
    FLAGS,
    STATES,
    And,
    Field,
    Not,
    Or,
    Tag,
    Word,
    joined,
    narrowed,
    opposite,
    widened,
    write,
)
from studio.core.errors import BadInput

vision, text, onnx = Tag("area", "vision"), Tag("area", "text"), Field("framework", "onnx")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", None),
        ("   ", None),
        ("area=vision", vision),
        ("area = vision", vision),
        ("area : vision", vision),
        ("area: vision", vision),
        ("area:vision", vision),
        ("area=vision,framework=onnx", And((vision, onnx))),
        ("area=vision framework=onnx", And((vision, onnx))),
        ("area=vision and framework=onnx,", And((vision, onnx))),
        ("area=vision OR area=text", Or((vision, text))),
        ("area=vision or area=text", Or((vision, text))),
        ("area=vision,framework=onnx OR area=text", Or((And((vision, onnx)), text))),
        ("(area=vision OR area=text),framework=onnx", And((Or((vision, text)), onnx))),
        ("stage!=draft", Not(Tag("stage", "draft"))),
        ("stage != draft", Not(Tag("stage", "draft"))),
        ("NOT (area=vision, area=text)", Not(And((vision, text)))),
        ("not not area=vision", vision),
        ("area=*", Tag("area", "", "any")),
        ("area!=*", Not(Tag("area", "", "any"))),
        ("area=vis*", Tag("area", "vis", "prefix")),
        ('area="vis*"', Tag("area", "vis*")),
        ("iris", Word("iris")),
        ('"hand written" digits', And((Word("hand written"), Word("digits")))),
        ('owner="Ada, \\"Countess\\""', Tag("owner", 'Ada, "Countess"')),
        ('area=""', Tag("area", "")),
        ('"my key"=x', Tag("my key", "x")),
        ('"name"=x', Tag("name", "x")),
        ("not=x", Tag("not", "x")),
        ("or : x", Tag("or", "x")),
        ("source=https://host/a?b=c", Tag("source", "https://host/a?b=c")),
        ("trained=2026-01-01T10:00", Tag("trained", "2026-01-01T10:00")),
        ("is:deployed", Field("is", "deployed")),
        ("is!=Latest", Not(Field("is", "latest"))),
        ("version=latest", Field("is", "latest")),
        ("version=03", Field("version", "3")),
        ("state=READY", Field("state", "ready")),
        ("name=iris*", Field("name", "iris", "prefix")),
        ("iris:3", And((Field("name", "iris"), Field("version", "3")))),
        ("iris:latest", And((Field("name", "iris"), Field("is", "latest")))),
        ("größe=groß", Tag("größe", "groß")),
    ],
)
def test_filters_are_parsed(typed, meant):
    assert read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "position", "expected"),
    [
        ("area=", 6, "a value after '='"),
        ("area==vision", 6, "a value after '='"),
        ("=vision", 1, "a term such as area=vision"),
        (",", 2, "a term such as area=vision"),
        ("area=vision OR", 15, "a term such as area=vision"),
        ("(area=vision", 13, "')' for the '(' at position 1"),
        ("area=vision)", 12, "a term, ',' or OR"),
        ("()", 2, "a term such as area=vision"),
        ('area="vision', 13, "to close the one at position 6"),
        ('area=vi"sion"', 8, "the whole text in quotes"),
        ('""', 1, "text between the quotes"),
        ('a,""=b', 3, "text between the quotes"),
        ("version=three", 9, "a version number or latest"),
        ("version=99999999999", 9, "a version number or latest"),
        ("state=done", 7, "one of uploaded, ready, rejected"),
        ("is:big", 4, "one of deployed, latest"),
        ("a\nb", 2, "printable text on one line"),
        ("a\x00", 2, "printable text on one line"),
        ("(" * 9 + "a" + ")" * 9, 10, "at most 8 levels of brackets"),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS + 1, f"at most {MAX_TERMS} terms"),
    ],
)
def test_syntax_error_is_reported_with_its_position(typed, position, expected):
    with pytest.raises(BadInput) as refused:
        read(typed)
    assert f"position {position}:" in refused.value.message
    assert expected in refused.value.message
    assert refused.value.hint
    assert refused.value.field == "filter"


def test_overlong_filter_is_rejected_unparsed():
    with pytest.raises(BadInput, match="characters"):
        read("a" * (MAX_LENGTH + 1))


@given(st.text(alphabet='ab ,()=!:*"\\ORNTAD', max_size=200))
def test_arbitrary_text_parses_or_is_a_filter_error(typed):
    started = time.perf_counter()
    try:
        tree = read(typed)
    except BadInput:
        tree = None
    assert time.perf_counter() - started < 0.5
    assert read(write(tree)) == tree


printable = st.text(
    alphabet=st.characters(blacklist_categories=("Cc", "Cs")) | st.sampled_from('",()=!:*\\ '),
    min_size=1,
    max_size=12,
)
words = st.builds(Word, printable)
beginnings = st.text(alphabet="abc*=!:.", min_size=1).filter(lambda start: start[0] != "=")
prefixes = st.builds(Tag, printable, beginnings, st.just("prefix"))
present = st.builds(Tag, printable, st.just(""), st.just("any"))
tags = st.builds(Tag, printable, printable | st.just("")) | present | prefixes
fields = (
    st.builds(Field, st.sampled_from(["name", "framework", "created_by"]), printable)
    | st.builds(Field, st.just("state"), st.sampled_from(STATES))
    | st.builds(Field, st.just("is"), st.sampled_from(FLAGS))
    | st.builds(Field, st.just("version"), st.integers(0, 10**9 - 1).map(str))
)
trees = st.recursive(
    words | tags | fields,
    lambda part: (
        part.map(opposite)
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: joined(And, parts))
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: joined(Or, parts))
    ),
    max_leaves=5,
)


@given(trees)
@example(Tag("a!", "x"))
@example(And((Or((Word("or"), Word("a"))), Not(Or((Word("("), Word("b")))))))
def test_formatted_filter_parses_to_the_same_tree(tree):
    typed = write(tree)
    if len(typed) <= MAX_LENGTH:
        assert read(typed) == tree


def test_tag_is_added_to_the_filter_once():
    assert narrowed(None, vision) == "area=vision"
    assert narrowed(vision, vision) == "area=vision"
    assert narrowed(read("iris"), vision) == "iris,area=vision"
    assert narrowed(read("area=text OR a"), vision) == "(area=text OR a),area=vision"
    assert narrowed(None, Tag("owner", "Ada L")) == 'owner="Ada L"'


def test_chosen_facet_is_removed_from_the_filter():
    assert widened(read("iris,area=vision"), vision) == "iris"
    assert widened(vision, vision) == ""
    assert widened(None, vision) == ""
    assert widened(read("iris OR area=vision"), vision) == "iris OR area=vision"


def test_states_of_the_filter_language_are_those_of_versions():
    assert set(STATES) == set(VersionState.values)
    assert "is" in FIELDS
