"""What an environment is defined by, as a value. Pure: reads text, refuses what must not be installed.

A definition is a Python version and pip requirements, and for images a base, steps on top of it, and packages
of conda.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, Unpack

import orjson

from registry.environments import conda_files, dockerfiles, image_names, provided_modules, requirement_files
from registry.environments.requirement_lines import bad, read_requirement
from studio.core import process_variables
from studio.core.errors import BadInput

FORMAT = 1  # raise it when environments made so far must be made anew
MAX_REQUIREMENTS = 300
MAX_DESCRIPTION = 2000  # characters
PYTHON_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,2})?\Z")


class Further(TypedDict, total=False):
    """What a definition may have beside a Python version and requirements; all of it is optional."""

    description: str
    variables: Mapping[str, Any]  # exported in the process of a service
    base_image: str  # "": the studio's own
    dockerfile: str  # of the base, in place of `base_image`
    docker_steps: str | Sequence[str]  # run on top of the base
    conda: Mapping[str, Any]  # channels and dependencies that only conda's solver can install
    wheels: Sequence[tuple[str, str]]  # private ones that are checked: file name and SHA-256
    notes: Sequence[str]  # what was translated or left out when it was read, in sentences


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
    wheels: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Its values as the row of an environment keeps them; wheels have rows of their own."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "wheels"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

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
        raise bad(f"An environment can have at most {MAX_REQUIREMENTS} requirements; these are {len(entries)}.")
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
        "conda": conda_files.check(given.get("conda", {})),
        "wheels": tuple(given.get("wheels", ())),
        "notes": tuple(given.get("notes", ())),
    }


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise BadInput(f"The description has more than {MAX_DESCRIPTION} characters.", field="description")
    return text.strip()


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
        "wheels": definition.wheels,
    }
    return {name: value for name, value in facts.items() if value}
