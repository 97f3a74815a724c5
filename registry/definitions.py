"""What an environment is defined by, as a value. Pure: reads text, refuses what must not be installed.

A definition is a Python version and pip requirements. Text may be a requirements file or conda's YAML of
which only the Python version and the pip section are taken.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studio.core.errors import BadInput

FORMAT = 1  # raise it when environments made so far must be made anew
MAX_REQUIREMENTS = 300
MAX_LINE = 500  # characters
PYTHON_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,2})?\Z")
_COMMENT = re.compile(r"(^|\s)#.*$")
_CONDA_PYTHON = re.compile(r"python\s*(?:={1,2}\s*(?P<version>3\.\d+(?:\.\d+)?)(?:\.\*|=\S*)?)?\Z")
_OPTIONS = {
    "-r": "Requirements of another file cannot be included",
    "-c": "Constraints of another file cannot be included",
    "-e": "Editable packages cannot be installed",
    "-i": "The package index is chosen by the studio",
    "-f": "Where wheels are found is chosen by the studio",
}
_LONG_OPTIONS = {
    "--requirement": "-r",
    "--constraint": "-c",
    "--editable": "-e",
    "--index-url": "-i",
    "--extra-index-url": "-i",
    "--no-index": "-i",
    "--trusted-host": "-i",
    "--find-links": "-f",
}


@dataclass(frozen=True)
class Definition:
    """`requirements` are in normal form, in the order they were given, each once."""

    python_version: str
    requirements: tuple[str, ...]


def define(python_version: str, lines: Iterable[str]) -> Definition:
    """A checked definition. Raises `BadInput` naming the line and what is wrong with it."""
    version = python_version.strip()
    if not PYTHON_VERSION.match(version):
        raise BadInput(
            f"'{version[:40]}' is no Python version.", hint="Write it as 3.11 or 3.11.7.", field="python_version"
        )
    found = [requirement for line in lines if (requirement := read_line(line))]
    if len(found) > MAX_REQUIREMENTS:
        raise _bad(f"An environment can have at most {MAX_REQUIREMENTS} requirements; these are {len(found)}.")
    return Definition(version, tuple(dict.fromkeys(found)))


def read_line(line: str) -> str:
    """One requirement in normal form; empty for a blank line or a comment."""
    text = _COMMENT.sub("", line).strip()
    if not text:
        return ""
    if len(text) > MAX_LINE:
        raise _bad(f"A requirement has more than {MAX_LINE} characters: {text[:60]}…")
    if text.startswith("-"):
        raise _refused_option(text)
    _refuse_places(text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as reason:
        raise _bad(f"'{text}' is no pip requirement: {str(reason).splitlines()[0]}.", evidence=str(reason)) from reason
    if requirement.url:
        raise _place(text, f"{requirement.name} is to be installed from an address")
    return _normal(requirement)


def _normal(requirement: Requirement) -> str:
    """The same for every way to write it: 'Scikit_Learn >= 1.2, <2' → 'scikit-learn<2,>=1.2'."""
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return str(requirement)


def _refused_option(text: str) -> BadInput:
    word = re.split(r"[\s=]", text, maxsplit=1)[0]
    why = _OPTIONS.get(_LONG_OPTIONS.get(word, word[:2] if not word.startswith("--") else ""), "")
    why = why or "Options cannot be given among requirements"
    return _bad(f"{why}: '{text}'.", hint="Write one requirement a line, such as numpy>=1.26.")


def _refuse_places(text: str) -> None:
    """Files and addresses: what lies there may change, and is not there on another machine."""
    lowered = text.lower()
    if re.match(r"[a-z][a-z0-9+.]*://", lowered) or lowered.startswith("git+"):
        raise _place(text, "An address cannot be installed from")
    if lowered.startswith(("file:", "/", "./", "../", "~", ".\\", "..\\")) or lowered == "." or "\\" in lowered:
        raise _place(text, "A local path cannot be installed from")
    if lowered.endswith((".whl", ".zip", ".tar.gz")) and " " not in lowered:
        raise _place(text, "A file cannot be installed from")


def _place(text: str, why: str) -> BadInput:
    return _bad(
        f"{why}: '{text}'.",
        hint="Name the package and its version. Own packages go as wheels into the folder that SLIPWAY_WHEELS names, "
        "own modules beside the entry script.",
    )


def read_text(text: str) -> tuple[str, list[str]]:
    """Python version ('' when the text names none) and requirement lines of a requirements file or conda YAML."""
    if re.search(r"^\s*dependencies\s*:", text, re.MULTILINE):
        return _read_conda(text)
    return "", text.splitlines()


def _read_conda(text: str) -> tuple[str, list[str]]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as reason:
        mark = getattr(reason, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise _bad(f"The conda file is no valid YAML{where}.", evidence=str(reason)) from reason
    dependencies = document.get("dependencies") if isinstance(document, dict) else None
    if not isinstance(dependencies, list):
        raise _bad("The conda file's 'dependencies' must be a list.")
    return read_conda_dependencies(dependencies)


def read_conda_dependencies(dependencies: list[Any]) -> tuple[str, list[str]]:
    """The items of conda's `dependencies`: python=3.11, pip, and one {"pip": [...]}. Others are refused by name."""
    version, lines, others = "", [], []
    for item in dependencies:
        if isinstance(item, dict):
            lines += [str(line) for line in item.get("pip") or []]
            others += [str(key) for key in item if key != "pip"]
        elif found := _CONDA_PYTHON.match(str(item).strip()):
            version = found["version"] or version
        elif not re.match(r"pip\b", str(item).strip()):
            others.append(str(item))
    if others:
        raise _bad(
            f"Conda packages cannot be installed: {', '.join(others[:10])}.",
            hint="Move them to the pip section, under the name they have on the Python package index.",
        )
    return version, lines


def definition_hash(definition: Definition, *, runtime: Iterable[str], platform: str) -> str:
    """SHA-256, hex, of everything that decides what is installed; the order of requirements does not."""
    facts = {
        "format": FORMAT,
        "python": definition.python_version,
        "platform": platform,
        "requirements": sorted(set(definition.requirements)),
        "runtime": sorted({read_line(line) for line in runtime} - {""}),
    }
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _bad(message: str, *, hint: str = "", evidence: str = "") -> BadInput:
    return BadInput(message, code="bad_requirement", hint=hint, evidence=evidence, field="requirements")
