"""Tags as links that add themselves to a filter, and facets that take themselves out again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from registry.search.filter_tree import And, Field, Node, Tag, narrowed, widened


class KeyAndValue(Protocol):
    key: str
    value: str


@dataclass(frozen=True)
class Chip:
    """A link; `chosen` says that the filter holds it already. `count` is for facets."""

    key: str
    value: str
    url: str
    chosen: bool = False
    count: int | None = None


def chips(tags: Iterable[KeyAndValue], url: str, before: Node | None) -> list[Chip]:
    """One chip a tag; following it shows what `before` finds and has this tag."""
    return [chip(Tag(tag.key, tag.value), url, before) for tag in tags]


def chip(node: Tag | Field, url: str, before: Node | None, count: int | None = None) -> Chip:
    """A chip that adds `node`, or takes it out when it is there."""
    chosen = node == before or (isinstance(before, And) and node in before.parts)
    text = widened(before, node) if chosen else narrowed(before, node)
    key = node.key if isinstance(node, Tag) else node.name
    return Chip(key, node.value, f"{url}?filter={quote(text)}" if text else url, chosen, count)
