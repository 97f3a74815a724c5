"""Conditions of the filter language, written so that they mean exactly the value given. Pure."""

from collections.abc import Mapping

# Words that mean something else than a tag's key; in quotes they are one. tests/slipway/test_filters.py compares them
# with the studio's own.
RESERVED = frozenset({"name", "framework", "state", "version", "created_by", "is", "or", "and", "not"})
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/")


def narrowed(filter: str, tags: Mapping[str, str], facts: Mapping[str, str] | None = None) -> str:
    """`filter`, every one of `tags`, and those of `facts` that have a value: name, state, framework."""
    conditions = [tag(key, value) for key, value in tags.items()]
    conditions += [f"{word}={_literal(value)}" for word, value in (facts or {}).items() if value]
    if filter.strip():
        conditions.append(f"({filter})" if conditions else filter)
    return ",".join(conditions)


def tag(key: str, value: str) -> str:
    """The condition that a version has this tag with exactly this value: area=vision, "a:b"="x, y*"."""
    plain_key = _is_plain(key) and key.lower() not in RESERVED
    return f"{key if plain_key else quoted(key)}={_literal(value)}"


def _literal(value: str) -> str:
    return value if _is_plain(value) else quoted(value)


def quoted(text: str) -> str:
    """Text that is taken literally, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_plain(text: str) -> bool:
    return text != "" and not set(text) - _PLAIN
