"""Untrusted YAML as plain values. Pure."""

from typing import Any

import yaml


class Unreadable(ValueError):
    """The text is no YAML, or more than plain values. `line` and `column` are where, counted from 1, if
    that is known."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        mark = getattr(reason, "problem_mark", None)
        self.line: int | None = mark.line + 1 if mark else None
        self.column: int | None = mark.column + 1 if mark else None


class _Loader(yaml.SafeLoader):
    """No aliases: with them, and merge keys above all, a few lines unfold into gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not read", mark)
        return super().compose_node(parent, index)


def compose(content: str) -> yaml.Node | None:
    """The nodes of the one document, which know their lines. Raises `Unreadable`; the caller bounds the size."""
    try:
        return yaml.compose(content, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as reason:
        raise Unreadable(reason) from reason


def load(content: str | bytes) -> Any:
    """The one document in `content`. Raises `Unreadable`; the caller bounds the size."""
    try:
        return yaml.load(content, _Loader)  # noqa: S506 - a safe loader that is stricter still
    except (yaml.YAMLError, ValueError, RecursionError) as reason:  # ValueError: a date that is none, an endless number
        raise Unreadable(reason) from reason
