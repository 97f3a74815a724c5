"""A filter as a small tree of values, and the tree as text again. Pure: it knows no database."""

from dataclasses import dataclass
from typing import Literal

STATES = ("uploaded", "ready", "rejected", "damaged")
FLAGS = ("deployed", "latest")
FIELDS = ("name", "framework", "state", "version", "created_by", "is")
KEYWORDS = ("OR", "AND", "NOT")

How = Literal["exact", "prefix", "any"]


@dataclass(frozen=True)
class Word:
    """Text that name or description contains, in any case."""

    text: str


@dataclass(frozen=True)
class Field:
    """A reserved key, one of FIELDS; the values of `is` are FLAGS."""

    name: str
    value: str
    how: How = "exact"


@dataclass(frozen=True)
class Tag:
    key: str
    value: str = ""
    how: How = "exact"


@dataclass(frozen=True)
class Not:
    part: "Node"


@dataclass(frozen=True)
class And:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Node", ...]


Node = Word | Field | Tag | Not | And | Or


def joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """One node for many parts; nodes of the same kind inside dissolve."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def opposite(node: Node) -> Node:
    return node.part if isinstance(node, Not) else Not(node)


def narrowed(before: Node | None, node: Node) -> str:
    """The text of `before` with one more condition, unless it is there already."""
    if before is None:
        return write(node)
    known = before.parts if isinstance(before, And) else (before,)
    return write(before) if node in known else write(joined(And, [before, node]))


def widened(before: Node | None, node: Node) -> str:
    """The text of `before` without the condition `node`."""
    known = before.parts if isinstance(before, And) else (before,) if before else ()
    left = [part for part in known if part != node]
    return write(joined(And, left)) if left else ""


def write(node: Node | None) -> str:
    """Text that reads as `node` again."""
    if node is None:
        return ""
    if isinstance(node, Word):
        return _name(node.text)
    if isinstance(node, Field | Tag):
        return _comparison(node, "=")
    if isinstance(node, Not):
        return _negation(node.part)
    separator = "," if isinstance(node, And) else " OR "
    return separator.join(f"({write(part)})" if isinstance(part, Or) else write(part) for part in node.parts)


def _negation(part: Node) -> str:
    if isinstance(part, Tag) or (isinstance(part, Field) and part.name != "is"):
        return _comparison(part, "!=")
    return f"NOT ({write(part)})" if isinstance(part, And | Or) else f"NOT {write(part)}"


def _comparison(node: Field | Tag, sign: str) -> str:
    value = {"exact": _value(node.value), "prefix": node.value + "*", "any": "*"}[node.how]
    if isinstance(node, Field):
        return f"is:{value}" if node.name == "is" else f"{node.name}{sign}{value}"
    return f"{_quoted(node.key) if node.key in FIELDS else _name(node.key)}{sign}{value}"


def _name(text: str) -> str:
    """A word or key: bare where nothing in it has a meaning of its own."""
    plain = not set(text) & set('(),"=:!') and not any(map(str.isspace, text))
    return text if plain and text.upper() not in KEYWORDS else _quoted(text)


def _value(text: str) -> str:
    plain = not set(text) & set('(),"') and not any(map(str.isspace, text))
    return text if plain and text[:1] not in {"", "="} and not text.endswith("*") else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
