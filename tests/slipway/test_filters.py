"""Conditions that the client writes, read by the studio's own reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.search.filter_parser import read
from registry.search.filter_tree import FIELDS, KEYWORDS, And, Or, Tag
from slipway import filters

text = st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs")) | st.sampled_from('",()=!:*\\ '), max_size=20)


@given(text.filter(bool), text)
def test_a_tag_is_read_as_exactly_this_key_and_value(key, value):
    assert read(filters.tag(key, value)) == Tag(key, value)


@pytest.mark.parametrize("key", [*FIELDS, *KEYWORDS, "Or", "a:b"])
def test_a_tag_named_like_a_word_of_the_language_is_still_a_tag(key):
    assert read(filters.tag(key, "x")) == Tag(key, "x")
    assert {word.lower() for word in (*FIELDS, *KEYWORDS)} <= filters.RESERVED


def test_the_longest_tag_can_be_written():
    assert read(filters.tag('k"' * 50, '"' * 256)) == Tag('k"' * 50, '"' * 256)


def test_tags_narrow_a_filter_as_a_whole():
    found = read(filters.narrowed("a=1 OR a=2", {"area": "x OR y"}))
    assert found == And((Tag("area", "x OR y"), Or((Tag("a", "1"), Tag("a", "2")))))
    assert filters.narrowed(" a=1 ", {}) == " a=1 "
