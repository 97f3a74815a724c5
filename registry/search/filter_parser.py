"""The filter language: text to tree. Pure: it knows no database.

    area=vision                     versions with this tag
    area=vision,framework=onnx      both (a comma, a space and AND mean the same)
    area=vision OR area=text        either; AND binds tighter, brackets group
    stage!=draft, NOT is:deployed   not this (a version without the tag `stage` is not a draft either)
    area=*, area=vis*               the tag is there; its value begins so
    iris "hand written"             words and phrases in name and description, in any case
    owner="Ada, Countess"           quotes hold spaces, commas, brackets, a literal *, or nothing; in them
                                    \\" is a quote and \\\\ a backslash, so that every value can be written
    iris:3, area : vision           an id as it is written; a tag as Azure ML studio shows it
    name= framework= state= version= created_by= is:deployed is:latest
                                    reserved keys; `"name"=x` in quotes is a tag of that name

Errors are `BadInput` that name the position, what was expected and what was found.
"""

from collections.abc import Callable
from typing import NoReturn
from unicodedata import category

from registry.search.filter_tree import FIELDS, FLAGS, STATES, And, Field, How, Node, Or, Tag, Word, joined, opposite
from studio.core.errors import BadInput

MAX_LENGTH = 2000  # characters: several tags with the longest values, each letter of them escaped
MAX_TERMS = 24
MAX_DEPTH = 8  # brackets and NOTs inside one another
EXAMPLE = "Write for example area=vision,framework=onnx or area=vision OR area=text."


def read(text: str) -> Node | None:
    """The tree of a filter, None for an empty one. Raises `BadInput`."""
    return _Reader(text).whole()


class _Reader:
    """Recursive descent over one line; `at` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.terms, self.depth = text, 0, 0, 0
        if len(text) > MAX_LENGTH:
            raise BadInput(
                f"The filter has {len(text)} characters; {MAX_LENGTH} are allowed.",
                hint="Use fewer terms, or a word that covers several.",
                field="filter",
            )
        for index, character in enumerate(text):
            if category(character) in {"Cc", "Cs"} and character != "\t":  # as in tags: Zl and Zp may be in one
                self.fail("printable text on one line", index)

    # --- rules ------------------------------------------------------------------------------------

    def whole(self) -> Node | None:
        if not self.text.strip():
            return None
        node = self.either()
        if not self.ended():
            self.fail("a term, ',' or OR")
        return node

    def either(self) -> Node:
        parts = [self.both()]
        while self.keyword("OR"):
            parts.append(self.both())
        return joined(Or, parts)

    def both(self) -> Node:
        parts: list[Node] = []
        while True:
            while self.take(",") or (parts and self.keyword("AND")):
                pass
            if parts and (self.ended() or self.peek() == ")" or self.keyword("OR", take=False)):
                return joined(And, parts)
            parts.append(self.unit())

    def unit(self) -> Node:
        if self.keyword("NOT"):
            return opposite(self.nested(self.unit))
        if not self.take("("):
            return self.term()
        opened = self.at
        node = self.nested(self.either)
        if not self.take(")"):
            self.fail(f"')' for the '(' at position {opened}")
        return node

    def nested(self, rule: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"at most {MAX_DEPTH} levels of brackets")
        node = rule()
        self.depth -= 1
        return node

    def term(self) -> Node:
        self.terms += 1
        if self.terms > MAX_TERMS:
            self.fail(f"at most {MAX_TERMS} terms")
        self.space()
        start, quoted = self.at, self.peek() == '"'
        key = self.piece("=:,", "a term such as area=vision, or a word")
        identity = not quoted and self.peek() == ":" and self.text[self.at + 1 : self.at + 2].strip() != ""
        for sign in ("!=", "=", ":"):
            if self.take(sign):
                if sign == ":" and identity and (version := self.version_of(key)):
                    return version
                node = self.comparison(key, quoted, sign)
                return opposite(node) if sign == "!=" else node
        if self.peek() == ":":
            self.fail("a term such as area=vision, or a word", start)
        return Word(key)

    def version_of(self, name: str) -> Node | None:
        """`iris:3` and `iris:latest`; None for everything else with a colon in it."""
        start = self.at
        value = self.piece(",", "a value after ':'")
        if name in FIELDS or not (value == "latest" or (value.isascii() and value.isdecimal())):
            self.at = start
            return None
        return joined(And, [Field("name", name), self.field(start, "version", value, "exact")])

    def comparison(self, key: str, quoted: bool, sign: str) -> Node:
        self.space()
        start, literal = self.at, self.peek() == '"'
        if self.peek() == "=":
            self.fail(f"a value after '{sign}'")
        value = self.piece(",", f"a value after '{sign}'")
        how = _how(value, literal)
        value = value if how == "exact" else value[:-1]
        if key in FIELDS and not quoted:
            return self.field(start, key, value, how)
        return Tag(key, value, how)

    def field(self, at: int, name: str, value: str, how: How) -> Field:
        """A reserved key with a value that it can have."""
        if name == "version" and value == "latest":
            return Field("is", "latest")
        if name == "version":
            if how != "exact" or not (value.isascii() and value.isdecimal() and len(value) <= 9):
                self.fail("a version number or latest", at)
            return Field(name, str(int(value)))
        allowed = {"state": STATES, "is": FLAGS}.get(name)
        if allowed and (how != "exact" or value.lower() not in allowed):
            self.fail(f"one of {', '.join(allowed)}", at)
        return Field(name, value.lower() if allowed else value, how)

    # --- characters -------------------------------------------------------------------------------

    def piece(self, ends: str, expected: str) -> str:
        """A quoted string, or the characters up to a space, a bracket or one of `ends`."""
        self.space()
        if self.peek() == '"':
            return self.quotation(empty="=" not in ends)
        start, is_key = self.at, "=" in ends
        while (character := self.peek()) and character not in f'()"{ends}' and not character.isspace():
            if is_key and self.text.startswith("!=", self.at):
                break
            self.at += 1
        if self.at == start:
            self.fail(expected)
        if self.peek() == '"':
            self.fail("the whole text in quotes, not a part of it")
        return self.text[start : self.at]

    def quotation(self, *, empty: bool) -> str:
        opened, characters = self.at, []
        self.at += 1
        while self.peek() != '"':
            self.at += self.peek() == "\\"
            if not self.peek():
                self.fail(f"'\"' to close the one at position {opened + 1}")
            characters.append(self.peek())
            self.at += 1
        self.at += 1
        if not characters and not empty:
            self.fail("text between the quotes", opened)
        return "".join(characters)

    def space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def ended(self) -> bool:
        self.space()
        return self.at >= len(self.text)

    def take(self, sign: str) -> bool:
        """Step over spaces and, if it comes next, over `sign`."""
        self.space()
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def keyword(self, word: str, *, take: bool = True) -> bool:
        """Is `word` next? Not where it is a tag's key, as in `not=x`."""
        self.space()
        end = self.at + len(word)
        after = self.text[end:].lstrip()
        whole = not after or after[0] in '(),"' or self.text[end].isspace()
        found = self.text[self.at : end].upper() == word and whole and not after.startswith(("=", "!=", ":"))
        self.at = end if found and take else self.at
        return found

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        found = repr(self.text[at : at + 12]) if at < len(self.text) else "the end"
        raise BadInput(
            f"The filter cannot be read at position {at + 1}: expected {expected}, found {found}.",
            hint=EXAMPLE,
            field="filter",
        )


def _how(value: str, literal: bool) -> How:
    if literal or not value.endswith("*"):
        return "exact"
    return "any" if value == "*" else "prefix"
