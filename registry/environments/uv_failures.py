"""What a failed run of uv means. Pure: exit status and text in, an error with its next step out.

uv has no machine-readable errors, so its sentences are read here and nowhere else; uv's version is pinned,
and the tests hold the sentences against the real program.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.environments.uv import Outcome, Sources
from studio.core.errors import BadInput, SlipwayError, Temporary

MAX_EVIDENCE = 20_000  # characters
_UNKNOWN = re.compile(r"(?:Because|and) (\S+) was not found in the (package registry|provided package locations)")


class InstallFailed(SlipwayError):
    """The installer or this machine is at fault, not the requirements."""

    code = "environment_failed"


class Unsolvable(BadInput):
    """The requirements ask for something that cannot be had."""

    code = "environment_unsolvable"


class IndexUnreachable(Temporary):
    code = "index_unreachable"


@dataclass(frozen=True)
class _Run:
    """A run of uv that failed: what it printed, and what it was to install from where."""

    output: str
    requirements: Sequence[str]
    sources: Sources


def failure_of(outcome: Outcome, requirements: Sequence[str], sources: Sources) -> SlipwayError:
    """The error for a run that did not succeed; the end of its output is the evidence."""
    error = _stopped(outcome) if outcome.ended else _explained(_Run(outcome.output, requirements, sources))
    error = error or InstallFailed(
        f"The environment could not be made: the installer ended with status {outcome.returncode}.",
        hint="Read the build log; if it does not tell what to change, report it.",
    )
    error.evidence = outcome.output[-MAX_EVIDENCE:].strip()
    return error


def _stopped(outcome: Outcome) -> SlipwayError:
    if outcome.ended == "cancelled":
        return InstallFailed("The build was cancelled.", code="build_cancelled")
    return Temporary(
        "Making the environment took longer than allowed.",
        code="environment_timeout",
        hint="Deploy again: what was downloaded is kept. SLIPWAY_BUILD_SECONDS raises the limit.",
    )


def _explained(run: _Run) -> SlipwayError | None:
    """By the first pattern that the output matches and whose explanation applies."""
    for pattern, explain in _EXPLANATIONS:
        found = re.search(pattern, run.output)
        error = explain(found, run) if found else None
        if error:
            return error
    return None


def _disk_full(_: re.Match[str], __: _Run) -> SlipwayError:
    return Temporary(
        "The disk is full: the environment could not be installed.",
        code="disk_full",
        hint="Ask an administrator to free space, then deploy again.",
    )


def _hash_mismatch(found: re.Match[str], _: _Run) -> SlipwayError:
    return InstallFailed(
        f"The file of {found[1]} is not the one that was locked: its hash differs.",
        code="hash_mismatch",
        hint="Somebody replaced the file after the environment was locked. Find out why before you go on; a new "
        "environment with another version of the package avoids it.",
    )


def _index_unreachable(_: re.Match[str], __: _Run) -> SlipwayError:
    return IndexUnreachable(
        "The package index cannot be reached from this machine, so the environment could not be resolved. "
        "Nothing is known to be wrong with the requirements.",
        hint="Check the network or proxy and deploy again; or put the wheels into a folder, name it in SLIPWAY_WHEELS "
        "and set SLIPWAY_OFFLINE=true.",
    )


def _not_in_the_cache(found: re.Match[str], run: _Run) -> SlipwayError | None:
    """An attempt without the network says little about the package, unless the studio never uses an index."""
    return None if run.sources.offline else _index_unreachable(found, run)


def _build_failed(found: re.Match[str], _: _Run) -> SlipwayError:
    return Unsolvable(
        f"The package {found[1] or 'of a requirement'} comes without a ready wheel and could not be built here.",
        code="package_unbuildable",
        hint="Choose a version that has a wheel for this Python version, or ask an administrator to put a wheel into "
        "the folder that SLIPWAY_WHEELS names.",
    )


def _build_refused(found: re.Match[str], _: _Run) -> SlipwayError:
    return Unsolvable(
        f"The package {found[1]} comes without a ready wheel, and this studio builds no packages.",
        code="package_unbuildable",
        hint="Choose a version that has a wheel for this Python version, or ask an administrator to put a wheel into "
        "the folder that SLIPWAY_WHEELS names, or to allow building with SLIPWAY_WHEELS_ONLY=false.",
    )


def _unknown_package(_: re.Match[str], run: _Run) -> SlipwayError:
    packages = ", ".join(sorted({match[1] for match in _UNKNOWN.finditer(run.output)}))
    if run.sources.offline:
        return _not_in_the_folder(packages, run)
    return Unsolvable(
        f"The package index knows no package {packages}.",
        code="package_unknown",
        hint="Check the spelling: the package's name may differ from the module's, such as scikit-learn for sklearn.",
    )


def _unknown_version(found: re.Match[str], run: _Run) -> SlipwayError | None:
    """Without an index, a version that the folder lacks says nothing of whether versions fit together."""
    return _not_in_the_folder(found[1] or found[2], run) if run.sources.offline else None


def _not_in_the_folder(packages: str, run: _Run) -> SlipwayError:
    return Unsolvable(
        f"There is no network: this studio installs without a package index, and its wheel folder has no {packages}.",
        code="package_unknown",
        hint=f"Ask an administrator to put the wheel into {_folder(run)}, or choose a version that is there.",
    )


def _conflict(_: re.Match[str], run: _Run) -> SlipwayError:
    named = [line for line in run.requirements if _is_named(line, run.output)] or list(run.requirements)
    if run.sources.offline:
        return Unsolvable(
            "There is no network, and the wheels in the studio's folder do not satisfy these requirements together: "
            f"{', '.join(named[:8])}. Other versions might.",
            code="package_unknown",
            hint=f"Ask an administrator to put the missing wheels into {_folder(run)}, or loosen the requirements. The "
            "evidence tells what is looked for.",
        )
    return Unsolvable(
        f"No set of package versions satisfies these requirements together: {', '.join(named[:8])}.",
        hint="Loosen or correct them, make a new environment, and deploy with it. The evidence tells how they collide.",
    )


def _folder(run: _Run) -> str:
    return run.sources.wheels or "the folder SLIPWAY_WHEELS names"


def _is_named(requirement: str, output: str) -> bool:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    pattern = rf"(?<![\w.-]){re.escape(name[0] if name else requirement)}(?![\w-])"
    return re.search(pattern, output, re.IGNORECASE) is not None


# In this order: an output may match several, and the first one that applies is the cause of the others.
_EXPLANATIONS: Sequence[tuple[str | re.Pattern[str], Callable[[re.Match[str], _Run], SlipwayError | None]]] = (
    (r"\(os error (28|122)\)", _disk_full),  # ENOSPC, EDQUOT
    (r"Hash mismatch for `([^`]+)`", _hash_mismatch),
    (r"Failed to fetch|Request failed after|error sending request|dns error|operation timed out", _index_unreachable),
    (r"was not found in the cache|because the network was disabled", _not_in_the_cache),
    (r"Wheels are required for `([^`]+)` because building from source is disabled", _build_refused),
    (r"Failed to (?:download and )?build `([^`]+)`|The build backend returned an error", _build_failed),
    (_UNKNOWN, _unknown_package),
    (r"there is no version of (\S+?),? |only .*?(\S+?)[<>=!]+\S+ (?:is|are) available", _unknown_version),
    (r"No solution found", _conflict),
)
