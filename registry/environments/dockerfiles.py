"""Dockerfiles and single steps of them, as text that somebody else has written. Pure: reads, refuses, never runs.

A Dockerfile is read as Docker reads it: comments, continued lines, here-documents, the escape character of the first
lines. What would need files beside the Dockerfile, or would decide what the studio decides, is refused by line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studio.core.errors import BadInput

MAX_TEXT = 64 * 1024  # characters
MAX_STEPS = 100
SHOWN = 100  # characters of an instruction in a message
STEPS = ("RUN", "ENV", "ARG", "WORKDIR", "LABEL", "SHELL", "USER", "COPY")
WHOLE = (*STEPS, "FROM", "CMD", "ENTRYPOINT", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "MAINTAINER")
REFUSED = {
    "FROM": "The base image is chosen in a field of its own",
    "ADD": "Files of the studio's machine or of the network cannot be added",
    "CMD": "The studio decides what is started",
    "ENTRYPOINT": "The studio decides what is started",
    "EXPOSE": "The studio decides the port",
    "HEALTHCHECK": "The studio checks the health of services itself",
    "STOPSIGNAL": "The studio decides how services are stopped",
    "VOLUME": "What a service writes into a volume would outlive it",
    "ONBUILD": "The studio builds the image itself, so that a trigger would run in its build",
}
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)(?:\s|\Z)")
_DIRECTIVE = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(\S+)\s*\Z", re.IGNORECASE)
_HEREDOC = re.compile(r"""<<(?P<tabs>-?)(?P<quote>["']?)(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)""")
_FLAG = re.compile(r"\s+(--[a-z-]+)(?:=(\S*))?")
_MOUNT_TYPE = re.compile(r"(?:^|,)type=([a-z]+)")
_CONTROL = re.compile(r"[^\t\n\x20-\x7e\x80-\U0010ffff]|\x7f")


@dataclass(frozen=True)
class Instruction:
    """`line` is where it begins, counted from 1; `text` is all of it, with its further lines and here-documents."""

    line: int
    word: str
    text: str

    @property
    def needs_buildkit(self) -> bool:
        """Whether only BuildKit can run it, and not Docker's classic builder."""
        return bool(_HEREDOC.search(self.text.split("\n", 1)[0])) or any(
            flag == "--mount" or (flag == "--chmod" and self.word == "COPY") for flag, _ in self.flags()
        )

    def flags(self) -> Iterator[tuple[str, str]]:
        """The options before the instruction's arguments, such as `--mount=type=cache,target=/x`."""
        place = len(self.text) - len(self.text.lstrip()) + len(self.word)
        while found := _FLAG.match(self.text, place):
            yield found[1], found[2] or ""
            place = found.end()


def read_steps(given: str | Sequence[str]) -> tuple[str, ...]:
    """Steps that run on top of a base image, one complete instruction each. Raises `BadInput` naming line and reason.

    A list may hold an instruction a time, or its lines.
    """
    text = given if isinstance(given, str) else "\n".join(given)
    instructions = list(_read(text, field="docker_steps"))
    if len(instructions) > MAX_STEPS:
        raise _bad(f"At most {MAX_STEPS} steps can be given; these are {len(instructions)}.", "docker_steps")
    for instruction in instructions:
        _check(instruction, STEPS, "docker_steps")
    return tuple(instruction.text for instruction in instructions)


def read_dockerfile(text: str) -> str:
    """The text of a whole Dockerfile, with Unix line ends. Raises `BadInput` naming line and reason."""
    text = _normal(text, "dockerfile")
    if not text.strip():
        return ""
    instructions = list(_read(text, field="dockerfile"))
    for instruction in instructions:
        _check(instruction, WHOLE, "dockerfile")
    first = next((one for one in instructions if one.word != "ARG"), None)
    if first is None or first.word != "FROM":
        line = first.line if first else 1
        raise _bad(
            f"Line {line}: A Dockerfile begins with FROM; only ARG may stand before it.",
            "dockerfile",
            hint="Name the base image first, such as FROM python:3.12-slim.",
        )
    return text.strip("\n") + "\n"


def instructions_of(text: str) -> list[Instruction]:
    """The instructions of a text that `read_steps` or `read_dockerfile` has let pass."""
    return list(_read(text, field="dockerfile"))


def _read(text: str, *, field: str) -> Iterator[Instruction]:
    lines = _normal(text, field).split("\n")
    escape = _escape_of(lines)
    number = 0
    while number < len(lines):
        begun = number
        number += 1
        if not lines[begun].strip() or lines[begun].lstrip().startswith("#"):
            continue
        number = _end_of_continued(lines, begun, escape)
        head = "\n".join(lines[begun:number])
        number = _end_of_heredocs(lines, number, head, begun, field)
        yield Instruction(begun + 1, _word_of(head, begun + 1, field), "\n".join(lines[begun:number]).strip())


def _normal(text: str, field: str) -> str:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > MAX_TEXT:
        raise _bad(f"The text has more than {MAX_TEXT // 1024} KiB.", field)
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _bad(f"Line {line}: It holds the control character {found[0]!r}.", field)
    return text


def _escape_of(lines: Sequence[str]) -> str:
    """The character that joins lines, which the comments at the very top may set."""
    for line in lines:
        found = _DIRECTIVE.match(line.strip())
        if not found:
            return "\\"
        if found[1].lower() == "escape" and found[2] in {"`", "\\"}:
            return found[2]
    return "\\"


def _end_of_continued(lines: Sequence[str], begun: int, escape: str) -> int:
    """The line behind the last one that a continued line goes on in; comments and empty lines between do not end it."""
    number = begun
    while number < len(lines):
        line = lines[number]
        number += 1
        passed_over = number - 1 > begun and (not line.strip() or line.lstrip().startswith("#"))
        if not passed_over and not line.rstrip().endswith(escape):
            break
    return number


def _end_of_heredocs(lines: Sequence[str], number: int, head: str, begun: int, field: str) -> int:
    if not re.match(r"\s*(RUN|COPY)\b", head, re.IGNORECASE):
        return number
    for found in _HEREDOC.finditer(head):
        end = number
        while end < len(lines) and (lines[end].lstrip("\t") if found["tabs"] else lines[end]) != found["word"]:
            end += 1
        if end == len(lines):
            raise _bad(
                f"Line {begun + 1}: The here-document {found['word']} has no end.",
                field,
                hint=f"Write {found['word']} alone on the line that ends it.",
            )
        number = end + 1
    return number


def _word_of(head: str, line: int, field: str) -> str:
    found = _INSTRUCTION.match(head)
    if not found:
        raise _bad(f"Line {line}: '{_short(head)}' is no instruction of a Dockerfile.", field)
    return found[1].upper()


def _check(instruction: Instruction, allowed: Sequence[str], field: str) -> None:
    if instruction.word not in allowed:
        why = REFUSED.get(instruction.word, f"{instruction.word} is no instruction that can be used here")
        raise _bad(
            f"Line {instruction.line}: {why}: '{_short(instruction.text)}'.",
            field,
            hint=f"These can be used: {', '.join(allowed)}.",
        )
    if not instruction.text[len(instruction.word) :].strip():
        raise _bad(f"Line {instruction.line}: {instruction.word} needs something behind it.", field)
    if instruction.word == "COPY":
        _check_copy(instruction, field)
    if instruction.word == "RUN":
        _check_run(instruction, field)


def _check_copy(instruction: Instruction, field: str) -> None:
    """No files lie beside the Dockerfile: they come from another image or stand in the text."""
    if "--from" not in dict(instruction.flags()) and not _HEREDOC.search(instruction.text.split("\n", 1)[0]):
        raise _bad(
            f"Line {instruction.line}: No files lie beside the Dockerfile that could be copied: "
            f"'{_short(instruction.text)}'.",
            field,
            hint="Copy from another image (COPY --from=image), write the file as a here-document (COPY <<EOF /path), "
            "or put it beside the entry script.",
        )


def _check_run(instruction: Instruction, field: str) -> None:
    for flag, value in instruction.flags():
        if flag == "--security" or (flag == "--network" and value == "host"):
            raise _bad(f"Line {instruction.line}: A build step gets no more rights: {flag}={value}.", field)
        kind = _MOUNT_TYPE.search(value) if flag == "--mount" else None
        if kind and kind[1] in {"secret", "ssh"}:
            raise _bad(f"Line {instruction.line}: The build has no secrets or keys to mount: {flag}={value}.", field)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _bad(message: str, field: str, *, hint: str = "") -> BadInput:
    return BadInput(message, code="bad_dockerfile", hint=hint, field=field)
