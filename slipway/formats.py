"""Documents in the formats of `-o`, and the part of them that a JMESPath query selects. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from slipway.errors import Misuse
from slipway.tables import one_line

Format = Literal["table", "tsv", "json", "yaml"]
FORMATS: tuple[str, ...] = get_args(Format)
DOCUMENTS = frozenset({"json", "yaml"})  # formats that hold the whole answer, whatever its shape
Select = Callable[[Any], Any]


def compile_query(query: str) -> Select:
    """The function that selects from a document. Raises `Misuse` saying where the query is wrong."""
    import jmespath  # type: ignore[import-untyped]  # loaded by those who ask for it
    from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]

    def wrong(reason: Exception) -> Misuse:
        return Misuse(
            f"--query cannot be used: {reason}", hint="It is JMESPath, such as '[].name': https://jmespath.org"
        )

    try:
        expression = jmespath.compile(query)
    except JMESPathError as reason:
        raise wrong(reason) from reason

    def select(document: Any) -> Any:
        try:
            return expression.search(document)
        except JMESPathError as reason:  # a function got what it does not take
            raise wrong(reason) from reason

    return select


def as_json(document: Any, *, ascii_only: bool = False) -> str:
    return json.dumps(document, indent=2, ensure_ascii=ascii_only)


def as_yaml(document: Any, *, ascii_only: bool = False) -> str:
    import yaml  # loaded by those who ask for it

    plain = json.loads(json.dumps(document))  # without aliases for what occurs twice
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=not ascii_only, width=float("inf"))
    return text.removesuffix("...\n").removesuffix("\n")


def rows_of(document: Any) -> list[list[str]]:
    """The document as rows of values: one for each item of a list, else one alone."""
    items = document if isinstance(document, list) else [document]
    return [[one_line(scalar(value)) for value in _values(item)] for item in items]


def headings_of(document: Any) -> list[str]:
    """Headings for the columns of a list of objects: every key of any of them; empty for other documents."""
    if not (isinstance(document, list) and document and all(isinstance(item, Mapping) for item in document)):
        return []
    return list(dict.fromkeys(key for item in document for key in item))


def scalar(value: Any) -> str:
    """A value as other programs read it: text as it is, nothing for null, else JSON on one line."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _values(item: Any) -> Sequence[Any]:
    if isinstance(item, Mapping):
        return list(item.values())
    return item if isinstance(item, list) else [item]
