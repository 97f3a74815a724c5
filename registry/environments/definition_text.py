"""What people paste or send as a file: requirements, or conda's YAML. Pure."""

from dataclasses import dataclass, field
from typing import Any

from registry.environments import conda_files, requirement_files


@dataclass(frozen=True)
class Written:
    """A definition as a text has it. `python_version` is "" where the text names none; `lines` are those of a
    requirements file. `further` is what else `definitions.define` takes."""

    python_version: str
    lines: list[str]
    further: dict[str, Any] = field(default_factory=dict)


def read_text(text: str) -> Written:
    """A requirements file or conda's YAML. Raises `BadInput`."""
    text = text.removeprefix("\ufeff")
    if not conda_files.is_conda(text):
        return Written("", requirement_files.lines_of(text))
    return of_conda(conda_files.read(conda_files.load(text)))


def of_conda(found: conda_files.Read) -> Written:
    """What a conda file comes to, without its name."""
    parts = {"conda": found.conda, "variables": found.variables, "notes": found.notes}
    return Written(found.python_version, found.requirements, {name: part for name, part in parts.items() if part})
