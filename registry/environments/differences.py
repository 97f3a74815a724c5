"""What a version of an environment changed against another. Pure: rows in, lines to show out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.environments.lock_files import packages_of
from registry.models import Environment


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `before` or `after` is "" where there was, or is, none."""

    what: str
    before: str
    after: str

    @property
    def word(self) -> str:
        """added, removed or changed."""
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


def differences(before: Environment, after: Environment) -> list[Difference]:
    """The definition's own first, then requirements, then the packages of the locks where both have one."""
    return [*_definition(before, after), *_requirements(before, after), *_packages(before, after)]


def _definition(before: Environment, after: Environment) -> Iterator[Difference]:
    named = {
        "Python": "python_version",
        "Base image": "base_image",
        "Dockerfile": "dockerfile",
        "Description": "description",
    }
    for what, name in named.items():
        yield from _one(what, getattr(before, name), getattr(after, name))
    yield from _one("Docker steps", "\n".join(before.docker_steps), "\n".join(after.docker_steps))
    conda = [", ".join(one.conda.get("dependencies", [])) for one in (before, after)]
    yield from _one("Packages of conda", *conda)
    for name in sorted({*before.variables, *after.variables}):
        if before.variables.get(name) != after.variables.get(name):  # values are often secrets
            yield Difference(f"Variable {name}", *("set" if name in one.variables else "" for one in (before, after)))
    yield from _each("Wheel", _wheels(before), _wheels(after))


def _requirements(before: Environment, after: Environment) -> Iterator[Difference]:
    old, new = set(before.requirements), set(after.requirements)
    for requirement in before.requirements:
        if requirement not in new:
            yield Difference("Requirement", requirement, "")
    for requirement in after.requirements:
        if requirement not in old:
            yield Difference("Requirement", "", requirement)


def _packages(before: Environment, after: Environment) -> Iterator[Difference]:
    if before.lock and after.lock:
        versions = [{one.name: one.version for one in packages_of(row.lock)} for row in (before, after)]
        yield from _each("Package", *versions)


def _wheels(environment: Environment) -> dict[str, str]:
    return {wheel.filename: wheel.artifact_id[:12] for wheel in environment.wheels.all()}


def _each(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        yield from _one(f"{what} {name}", before.get(name, ""), after.get(name, ""))


def _one(what: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference(what, before, after)
