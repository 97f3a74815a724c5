"""Text that PostgreSQL rejects is replaced before it is stored."""

from studio.core.errors import SlipwayError
from studio.core.storable import storable

NUL = "\N{REPLACEMENT CHARACTER}"


def test_output_of_programs_is_made_storable_at_any_depth():
    said = {"a\0": ["b\0", {"c": ("d\ud800", 1, None)}], "e": "fine: é😀"}

    assert storable(said) == {f"a{NUL}": [f"b{NUL}", {"c": ["d?", 1, None]}], "e": "fine: é😀"}


def test_stored_error_has_storable_text():
    facts = SlipwayError("It said \0.", evidence="\0\0").as_dict()

    assert (facts["message"], facts["evidence"]) == (f"It said {NUL}.", NUL * 2)
