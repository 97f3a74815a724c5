"""Conda files: what of them comes from the Python package index, and what is left for conda's solver. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from registry.environments import requirement_files
from registry.environments.conda_names import BROUGHT_ALONG, RENAMED, SAME
from registry.environments.requirement_lines import MAX_LINE, bad, read_requirement, short
from registry.inspection import untrusted_yaml
from studio.core.errors import BadInput

MAX_TEXT = 256 * 1024  # characters: YAML is read slowly, while the person waits
MAX_PACKAGES = 300
MAX_CHANNELS = 20
NAMED = 10  # packages that a sentence lists
_PYTHON = re.compile(r"(?:[\w./-]+::)?python\s*(?:(?:={1,2}|\s)\s*(?P<version>3\.\d+(?:\.\d+)?)(?:\.\*|=\S*)?)?\Z")
# Not \s, which would go through every run of empty lines anew from each of them.
_DEPENDENCIES = re.compile(r"^[ \t]*dependencies[ \t]*:", re.MULTILINE)
_ANY_PYTHON = re.compile(r"(?:[\w./-]+::)?python(?![\w.-])")
_PIP = re.compile(r"(?:[\w./-]+::)?pip(?![\w.-])")
_PACKAGE = re.compile(r"(?:(?P<channel>[\w./-]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>[\w.*=<>!~|,+ \[\]'-]*)\Z")
_ONE_EQUALS = re.compile(r"=(?P<version>[\w.+!*]+)(?:=(?P<build>[\w.*]+))?\Z")
_TWO_EQUALS = re.compile(r"==(?P<version>[\w.+!*]+)(?:=(?P<build>[\w.*]+))?\Z")
_BARE = re.compile(r"(?P<version>[\w.+!*]+)(?:\s+(?P<build>[\w.*]+))?\Z")
_CHANNEL = re.compile(r"(?:https?://[\w.:-]+/)?[\w.-]+(?:/[\w.-]+)*/?\Z")


@dataclass(frozen=True)
class Read:
    """What a conda file comes to. `conda` has what the package index does not, as `Environment.conda` keeps it;
    `notes` say what was translated or left out."""

    name: str = ""
    python_version: str = ""
    requirements: list[str] = field(default_factory=list)
    conda: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_conda(text: str) -> bool:
    """Whether the text is a conda file; else it is a requirements file."""
    return bool(_DEPENDENCIES.search(text))


def load(text: str) -> dict[str, Any]:
    """The document in a conda file; its `dependencies` are a list. Raises `BadInput`."""
    if len(text) > MAX_TEXT:
        raise bad(f"The conda file has more than {MAX_TEXT // 1024} KiB.", hint="Send its requirements only.")
    try:
        document = untrusted_yaml.load(text)
    except untrusted_yaml.Unreadable as reason:
        where = f" in line {reason.line}" if reason.line else ""
        hint = "Write it without anchors and aliases (&, *) if it has any."
        raise bad(f"The conda file is no valid YAML{where}.", hint=hint, evidence=str(reason)) from reason
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise bad("The conda file's 'dependencies' must be a list.")
    return document


def read(document: Mapping[str, Any]) -> Read:
    """A conda file's document as a definition has it. Raises `BadInput` for what is no package of conda."""
    version, lines, packages = _sorted(document["dependencies"])
    found = [_translate(package) for package in packages]
    left = [one.package for one in found if one.is_left]
    name, variables = document.get("name"), document.get("variables")
    return Read(
        name=name if isinstance(name, str) else "",
        python_version=version,
        requirements=[*(one.requirement for one in found if one.requirement), *lines],
        conda=check({"channels": document.get("channels") or [], "dependencies": left}) if left else {},
        variables=_variables(variables),
        notes=list(_notes(found)),
    )


def check(given: Any) -> dict[str, Any]:
    """Channels and dependencies for conda's solver, or {} without any. Raises `BadInput`."""
    if not isinstance(given, Mapping) or set(given) - {"channels", "dependencies"}:
        raise _bad("'conda' must be an object with 'channels' and 'dependencies'.")
    channels, packages = (given.get(name) or [] for name in ("channels", "dependencies"))
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in (channels, packages)):
        raise _bad("The channels and dependencies of conda must be lists of texts.")
    if len(packages) > MAX_PACKAGES or len(channels) > MAX_CHANNELS:
        raise _bad(f"At most {MAX_PACKAGES} packages from {MAX_CHANNELS} channels can be asked of conda.")
    for package in packages:
        _parse(package)
    for channel in channels:
        if len(channel) > MAX_LINE or not _CHANNEL.match(channel) or "/t/" in channel:
            raise _bad(
                f"'{short(channel)}' is no channel of conda.",
                hint="Write a name such as conda-forge, or an address without password or token.",
            )
    return {"channels": channels or ["conda-forge"], "dependencies": packages} if packages else {}


def names_of(conda: Mapping[str, Any]) -> list[str]:
    """The packages that conda's solver is asked for, without versions."""
    return [_parse(package)["name"] for package in conda.get("dependencies", [])]


def _sorted(dependencies: Any) -> tuple[str, list[str], list[str]]:
    """Python's version, requirements of the pip section in normal form, and the packages of conda."""
    version, lines, packages = "", [], []
    for item in dependencies:
        if isinstance(item, dict):
            if others := [str(key) for key in item if key != "pip"]:
                raise bad(f"Conda's 'dependencies' have no section '{short(others[0])}'; only pip is one.")
            lines += _read_pip_section(item.get("pip") or [])
        elif not isinstance(item, str) or len(item) > MAX_LINE:
            raise bad("Each of conda's 'dependencies' must be a short text such as python=3.11, or the pip section.")
        elif found := _PYTHON.match(item.strip()):
            version = found["version"] or version
        elif _ANY_PYTHON.match(item.strip()):
            raise bad(f"Python is asked for as '{short(item)}'.", hint="Name one version, such as python=3.11.")
        elif not _PIP.match(item.strip()):
            packages.append(item.strip())
    return version, lines, packages


def _read_pip_section(items: Any) -> list[str]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise bad("The pip section must be a list of requirements.", hint="Write each one behind a dash of its own.")
    return [
        read_requirement(text, place=f"Item {place} of the pip section")
        for place, item in enumerate(items, 1)
        for _, text in requirement_files.whole_lines(item)
    ]


@dataclass(frozen=True)
class _Translated:
    """A package of conda: with the requirement that stands for it, or brought along, or left for the solver."""

    package: str
    name: str
    requirement: str = ""
    is_left: bool = False


def _translate(package: str) -> _Translated:
    parts = _parse(package)
    name = parts["name"].lower()
    if name in BROUGHT_ALONG:
        return _Translated(package, name)
    known = RENAMED.get(name) or (name if name in SAME else "")
    requirement = _requirement(known, parts["rest"].strip()) if known else ""
    return _Translated(package, name, requirement, is_left=not requirement)


def _parse(package: str) -> re.Match[str]:
    found = _PACKAGE.match(package) if len(package) <= MAX_LINE else None
    if not found:
        raise _bad(
            f"'{short(package)}' is no package of conda.", hint="Write a name and a version, such as libgdal=3.9."
        )
    return found


def _requirement(name: str, version: str) -> str:
    """For pip, or "" where pip has no way to say it."""
    written = f"{name}{_versions(version)}"
    try:
        return read_requirement(str(Requirement(written)))
    except (InvalidRequirement, BadInput):
        return ""


def _versions(text: str) -> str:
    """A version of conda's in pip's words: 'a=1.2' means any 1.2.x, 'a==1.2' and 'a 1.2' that one."""
    if found := _TWO_EQUALS.match(text) or _BARE.match(text):
        return f"=={found['version']}"
    if found := _ONE_EQUALS.match(text):
        version = found["version"]
        return f"=={version}" if version.endswith("*") else f"=={version}.*"
    return text


def _variables(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise bad("The conda file's 'variables' must be an object of names and texts.")
    return {str(name): value if isinstance(value, str) else str(value) for name, value in given.items()}


def _notes(found: Iterable[_Translated]) -> Iterator[str]:
    found = list(found)
    taken = [f"{one.name} as {one.requirement}" for one in found if one.requirement]
    brought = [one.name for one in found if not one.requirement and not one.is_left]
    left = [one.name for one in found if one.is_left]
    if taken:
        yield f"Packages of conda that come from the Python package index instead: {_listed(taken)}."
    if brought:
        yield f"Packages of conda that are not needed, since wheels bring what they need along: {_listed(brought)}."
    if left:
        yield (
            f"Only conda's solver can install {_listed(left)}: the environment works where images are built, on a base "
            "image that has conda or micromamba."
        )


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _bad(message: str, *, hint: str = "") -> BadInput:
    return BadInput(message, code="bad_conda", hint=hint, field="conda")
