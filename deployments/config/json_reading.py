"""Pure: JSON that people have written by hand, read so that a mistake is told with its place and its cure."""

import json
from collections.abc import Iterable
from typing import Any

LONGEST_LINE = 120  # characters that are repeated
COMMENTS = ("//", "/*", "#")
CLOSING = {"{": "}", "[": "]"}


class Mistake(ValueError):
    """`message` begins with the place; `hint` says what to do; `shown` is the line, with a mark below the place."""

    def __init__(self, message: str, hint: str = "", shown: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.shown = message, hint, shown


def load(text: str) -> Any:
    """The value. Raises `Mistake`, also where an object gives a key twice."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _explained(text, error) from error
    except Mistake:
        raise
    except (ValueError, RecursionError) as error:
        raise Mistake("it is nested too deeply, or holds a number that is too long") from error


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Mistake(f"'{name[:100]}' is given twice in one object", "Leave one of them out.")
        found[name] = value
    return found


def _explained(text: str, error: json.JSONDecodeError) -> Mistake:
    place = _place_of(text, error)
    what, hint = _cure(text, place, error.msg)
    line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
    return Mistake(f"line {line}, column {column}: {what}", hint, _shown(text, line, column))


def _place_of(text: str, error: json.JSONDecodeError) -> int:
    """Where the mistake is; in front of white space the parser may have stopped too early."""
    place = error.pos
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _cure(text: str, place: int, said: str) -> tuple[str, str]:
    rest, before = text[place : place + 2], text[:place].rstrip()
    if rest.startswith(COMMENTS):
        return "JSON has no comments", "Remove the comment."
    if not rest:
        wanted = "".join(CLOSING[one] for one in reversed(_open_in(text)))
        return "the end of the file comes too early", f"It lacks {wanted} at its end." if wanted else ""
    return _cure_of_sign(rest[0], before, said)


def _cure_of_sign(sign: str, before: str, said: str) -> tuple[str, str]:
    if sign == "'":
        return "a text stands in single quotes", 'JSON has double quotes: "entryScript".'
    if "',' delimiter" in said:
        line = before.count("\n") + 1
        return "a comma is missing before it", f"Put a comma at the end of line {line}."
    if before.endswith(",") and sign in "}]":
        return f"a comma stands before '{sign}'", "Remove the comma before it."
    if "Extra data" in said:
        return "the file goes on after its end", "Remove what follows, or a closing brace too many before it."
    return said[:1].lower() + said[1:], "Correct the line."


def _open_in(text: str) -> list[str]:
    """Brackets that nobody has closed, outermost first."""
    opened: list[str] = []
    in_text = escaped = False
    for one in text:
        if in_text:
            in_text, escaped = escaped or one != '"', one == "\\" and not escaped
        elif one == '"':
            in_text = True
        elif one in CLOSING:
            opened.append(one)
        elif opened and one == CLOSING[opened[-1]]:
            opened.pop()
    return opened


def _shown(text: str, line: int, column: int) -> str:
    found = text.splitlines()[line - 1 : line] or [""]
    if len(found[0]) > LONGEST_LINE:
        return ""
    return f"{found[0]}\n{' ' * (column - 1)}^" if found[0].isprintable() else ""
