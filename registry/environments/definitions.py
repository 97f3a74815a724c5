"""What an environment is defined by, as a value. Pure: reads text, refuses what must not be installed.

A definition is a Python version and pip requirements, and for images a base and steps on top of it. Text may be a
requirements file or conda's YAML of which only the Python version and the pip section are taken.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, Unpack

import orjson
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from registry.environments import dockerfiles, image_names, provided_modules, requirement_files
from registry.inspection import untrusted_yaml
from studio.core import process_variables
from studio.core.errors import BadInput

FORMAT = 1  # raise it when environments made so far must be made anew
MAX_REQUIREMENTS = 300
MAX_DESCRIPTION = 2000  # characters
MAX_LINE = 500  # characters
MAX_CONDA = 256 * 1024  # characters: YAML is read slowly, while the person waits
SHOWN = 100  # characters of a line in a message
PYTHON_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,2})?\Z")
_CONDA_PYTHON = re.compile(r"(?:[\w.-]+::)?python\s*(?:(?:={1,2}|\s)\s*(?P<version>3\.\d+(?:\.\d+)?)(?:\.\*|=\S*)?)?\Z")
# Not \s, which would go through every run of empty lines anew from each of them.
_CONDA = re.compile(r"^[ \t]*dependencies[ \t]*:", re.MULTILINE)
_ANY_PYTHON = re.compile(r"(?:[\w.-]+::)?python(?![\w.-])")
_ONE_EQUALS_SIGN = re.compile(r"[\w.-]+(\[[^\]]*\])?\s*=\s*\d")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")  # what pip fills in
_OPTION_BEHIND = re.compile(r"\s(--?[a-zA-Z][\w-]*)")
_OPTIONS = {
    "-r": "Requirements of another file cannot be included",
    "-c": "Constraints of another file cannot be included",
    "-e": "Editable packages cannot be installed",
    "-i": "The package index is chosen by the studio",
    "-f": "Where wheels are found is chosen by the studio",
    "--hash": "A hash cannot be given, for the studio chooses the files and locks them with hashes of its own",
    "--pre": "Pre-releases are taken only where a requirement names one, such as numpy>=2.0rc1",
    "--no-binary": "Whether packages are built is chosen by the studio",
}
_LONG_OPTIONS = {
    "--requirement": "-r",
    "--constraint": "-c",
    "--constraints": "-c",
    "--editable": "-e",
    "--index-url": "-i",
    "--pypi-url": "-i",
    "--extra-index-url": "-i",
    "--no-index": "-i",
    "--trusted-host": "-i",
    "--find-links": "-f",
    "--require-hashes": "--hash",
    "--only-binary": "--no-binary",
    "--prefer-binary": "--no-binary",
}


class Further(TypedDict, total=False):
    """What a definition may have beside a Python version and requirements; all of it is optional."""

    description: str
    variables: Mapping[str, Any]  # exported in the process of a service
    base_image: str  # "": the studio's own
    dockerfile: str  # of the base, in place of `base_image`
    docker_steps: str | Sequence[str]  # run on top of the base
    conda: Mapping[str, Any]  # channels and dependencies that only conda's solver can install


@dataclass(frozen=True)
class Definition:
    """`requirements` are in normal form, in the order they were given, each once. The rest is as `Further` has it,
    checked."""

    python_version: str
    requirements: tuple[str, ...]
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    base_image: str = ""
    dockerfile: str = ""
    docker_steps: tuple[str, ...] = ()
    conda: Mapping[str, Any] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Its values as the row of an environment keeps them."""
        lists = {"requirements": list(self.requirements), "docker_steps": list(self.docker_steps)}
        return {one.name: getattr(self, one.name) for one in fields(self)} | lists

    @property
    def has_own_base(self) -> bool:
        """Whether its Python is one of an image, rather than of this machine."""
        return bool(self.base_image or self.dockerfile)


def define(python_version: str, lines: Iterable[str], **further: Unpack[Further]) -> Definition:
    """A checked definition out of the lines of a requirements file, which may go on over several (`\\` at the end).

    Raises `BadInput` naming the line and what is wrong with it.
    """
    return Definition(_python(python_version), _requirements(lines), **_checked(further))


def _python(given: str) -> str:
    version = given.strip()
    if not PYTHON_VERSION.match(version):
        raise BadInput(
            f"'{version[:40]}' is no Python version.", hint="Write it as 3.11 or 3.11.7.", field="python_version"
        )
    return version


def _requirements(lines: Iterable[str]) -> tuple[str, ...]:
    entries = list(requirement_files.whole_lines("\n".join(lines)))
    if len(entries) > MAX_REQUIREMENTS:
        raise _bad(f"An environment can have at most {MAX_REQUIREMENTS} requirements; these are {len(entries)}.")
    return tuple(dict.fromkeys(read_requirement(text, place=f"Line {number}") for number, text in entries))


def _checked(given: Further) -> dict[str, Any]:
    base_image = image_names.check_reference(given.get("base_image", ""))
    dockerfile = dockerfiles.read_dockerfile(given.get("dockerfile", ""))
    if base_image and dockerfile:
        raise BadInput(
            "Give a base image or a Dockerfile, not both: the Dockerfile names its own base image.", field="dockerfile"
        )
    return {
        "description": _description(given.get("description", "")),
        "variables": process_variables.check(
            dict(given.get("variables", {})), lambda message: BadInput(message, field="variables"), field="variables"
        ),
        "base_image": base_image,
        "dockerfile": dockerfile,
        "docker_steps": dockerfiles.read_steps(given.get("docker_steps", ())),
        "conda": dict(given.get("conda", {})),
    }


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise BadInput(f"The description has more than {MAX_DESCRIPTION} characters.", field="description")
    return text.strip()


def read_requirement(text: str, *, place: str = "") -> str:
    """One requirement, without comments, in normal form. Raises `BadInput`, which begins with `place`."""
    try:
        return _read(text)
    except BadInput as reason:
        if place:
            reason.message = f"{place}: {reason.message}"
            reason.args = (reason.message,)
        raise


def _read(text: str) -> str:
    if option := _OPTION_BEHIND.search(f" {text}" if text.startswith("-") else text):
        raise _refused_option(text, option[1])
    if len(text) > MAX_LINE:
        raise _bad(f"A requirement has more than {MAX_LINE} characters: {text[:60]}…")
    if variable := _VARIABLE.search(text):
        raise _bad(
            f"Environment variables are not filled in: '{text}' holds {variable[0]}.", hint="Write its value instead."
        )
    _refuse_places(text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as reason:
        hint = "Versions are compared by two equals signs: numpy==1.26." if _ONE_EQUALS_SIGN.match(text) else ""
        message = f"'{text}' is no pip requirement: {str(reason).splitlines()[0]}."
        raise _bad(message, hint=hint, evidence=str(reason)) from reason
    if requirement.url:
        raise _place(text, f"{requirement.name} is to be installed from an address")
    return _normal(requirement)


def _normal(requirement: Requirement) -> str:
    """The same for every way to write it: 'Scikit_Learn >= 1.2, <2' → 'scikit-learn<2,>=1.2'."""
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return str(requirement)


def _refused_option(text: str, option: str) -> BadInput:
    word = option if option.startswith("--") else option[:2]
    known = _LONG_OPTIONS.get(word, word)
    why = _OPTIONS.get(known, "Options cannot be given among requirements")
    hint = {
        "--hash": "Leave the hashes out (pip-compile writes none without --generate-hashes); versions may stay pinned.",
        "-r": "Copy its lines into this file.",
        "-c": "Write the versions into the requirements themselves.",
    }.get(known, "Write one requirement a line, such as numpy>=1.26.")
    return _bad(f"{why}: '{_short(text)}'.", hint=hint)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


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
    text = text.removeprefix("\ufeff")
    if is_conda(text):
        return _read_conda(text)
    return "", requirement_files.lines_of(text)


def _read_conda(text: str) -> tuple[str, list[str]]:
    return read_conda_dependencies(load_conda(text)["dependencies"])


def is_conda(text: str) -> bool:
    """Whether the text is a conda file; else it is a requirements file."""
    return bool(_CONDA.search(text))


def load_conda(text: str) -> dict[str, Any]:
    """The document in a conda file; its `dependencies` are a list. Raises `BadInput`."""
    if len(text) > MAX_CONDA:
        raise _bad(f"The conda file has more than {MAX_CONDA // 1024} KiB.", hint="Send its requirements only.")
    try:
        document = untrusted_yaml.load(text)
    except untrusted_yaml.Unreadable as reason:
        where = f" in line {reason.line}" if reason.line else ""
        hint = "Write it without anchors and aliases (&, *) if it has any."
        raise _bad(f"The conda file is no valid YAML{where}.", hint=hint, evidence=str(reason)) from reason
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise _bad("The conda file's 'dependencies' must be a list.")
    return document


def read_conda_dependencies(dependencies: list[Any]) -> tuple[str, list[str]]:
    """The items of conda's `dependencies`: python=3.11, pip, and one {"pip": [...]}. Others are refused by name.

    Gives the Python version and the requirements, in normal form.
    """
    version, lines, others = "", [], []
    for item in dependencies:
        if isinstance(item, dict):
            lines += _read_pip_section(item.get("pip") or [])
            others += [str(key) for key in item if key != "pip"]
        elif not isinstance(item, str) or len(item) > MAX_LINE:
            raise _bad("Each of conda's 'dependencies' must be a short text such as python=3.11, or the pip section.")
        elif found := _CONDA_PYTHON.match(item.strip()):
            version = found["version"] or version
        elif _ANY_PYTHON.match(item.strip()):
            raise _bad(f"Python is asked for as '{_short(item)}'.", hint="Name one version, such as python=3.11.")
        elif not re.match(r"(?:[\w.-]+::)?pip(?![\w.-])", item.strip()):
            others.append(item)
    if others:
        raise _bad(
            f"Conda packages cannot be installed: {', '.join(_short(other) for other in others[:10])}.",
            hint="Move them to the pip section, under the name they have on the Python package index.",
        )
    return version, lines


def _read_pip_section(items: Any) -> list[str]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _bad("The pip section must be a list of requirements.", hint="Write each one behind a dash of its own.")
    return [
        read_requirement(text, place=f"Item {place} of the pip section")
        for place, item in enumerate(items, 1)
        for _, text in requirement_files.whole_lines(item)
    ]


def definition_hash(definition: Definition, *, runtime: Iterable[str], platform: str) -> str:
    """SHA-256, hex, of everything that decides what is installed; the order of requirements does not, nor do those
    that are not installed since the scoring server's own modules take their place, nor variables."""
    facts = {
        "format": FORMAT,
        "python": definition.python_version,
        "platform": platform,
        "requirements": sorted(set(provided_modules.to_install(definition.requirements))),
        "runtime": sorted(define(definition.python_version, runtime).requirements),
        **_image_facts(definition),
    }
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _image_facts(definition: Definition) -> dict[str, Any]:
    """What decides the image beside the packages. Absent where it is empty, so that hashes of before still hold."""
    facts = {
        "base_image": definition.base_image,
        "dockerfile": definition.dockerfile,
        "docker_steps": definition.docker_steps,
        "conda": definition.conda,
    }
    return {name: value for name, value in facts.items() if value}


def _bad(message: str, *, hint: str = "", evidence: str = "") -> BadInput:
    return BadInput(message, code="bad_requirement", hint=hint, evidence=evidence, field="requirements")
