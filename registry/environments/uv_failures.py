"""What a failed run of uv means. Pure: exit status and text in, an error with its next step out.

uv has no machine-readable errors, so its sentences are read here and nowhere else; uv's version is pinned,
and the tests hold the sentences against the real program.
"""

import re
from collections.abc import Callable, Sequence

from registry.environments.uv import Outcome, Sources
from studio.core.errors import BadInput, SlipwayError, Temporary

MAX_EVIDENCE = 20_000  # characters
_DISK = re.compile(r"\(os error (28|122)\)")  # ENOSPC, EDQUOT
_HASH = re.compile(r"Hash mismatch for `([^`]+)`")
_NETWORK = re.compile(r"Failed to fetch|Request failed after|error sending request|dns error|operation timed out")
_BUILD = re.compile(r"Failed to (?:download and )?build `([^`]+)`|The build backend returned an error")
_UNKNOWN = re.compile(r"(?:Because|and) (\S+) was not found in the (package registry|provided package locations)")
_CACHE_ONLY = re.compile(r"was not found in the cache|because the network was disabled")


class InstallFailed(SlipwayError):
    """Ours to look at."""

    code = "environment_failed"


class Unsolvable(BadInput):
    """The requirements ask for something that cannot be had."""

    code = "environment_unsolvable"


class IndexAway(Temporary):
    code = "index_unreachable"


def failure_of(outcome: Outcome, requirements: Sequence[str], sources: Sources) -> SlipwayError:
    """The error for a run that did not succeed."""
    if outcome.ended:
        return _stopped(outcome)
    for read in (_of_disk, _of_hash, _of_network, _of_build, _of_unknown_package, _of_conflict):
        found = read(outcome.output, requirements, sources)
        if found is not None:
            found.evidence = outcome.output[-MAX_EVIDENCE:].strip()
            return found
    return InstallFailed(
        f"The environment could not be made: the installer ended with status {outcome.returncode}.",
        hint="Read the build log; if it does not tell what to change, report it.",
        evidence=outcome.output[-MAX_EVIDENCE:].strip(),
    )


def _stopped(outcome: Outcome) -> SlipwayError:
    evidence = outcome.output[-MAX_EVIDENCE:].strip()
    if outcome.ended == "cancelled":
        return InstallFailed("The build was cancelled.", code="build_cancelled", evidence=evidence)
    return Temporary(
        "Making the environment took longer than allowed.",
        code="environment_timeout",
        hint="Deploy again: what was downloaded is kept. SLIPWAY_BUILD_SECONDS raises the limit.",
        evidence=evidence,
    )


def _of_disk(text: str, *_: object) -> SlipwayError | None:
    if not _DISK.search(text):
        return None
    return Temporary(
        "The disk is full: the environment could not be installed.",
        code="disk_full",
        hint="Ask an administrator to free space, then deploy again.",
    )


def _of_hash(text: str, *_: object) -> SlipwayError | None:
    found = _HASH.search(text)
    if not found:
        return None
    return InstallFailed(
        f"The file of {found[1]} is not the one that was locked: its hash differs.",
        code="hash_mismatch",
        hint="Somebody replaced the file after the environment was locked. Find out why before you go on; a new "
        "environment with another version of the package avoids it.",
    )


def _of_network(text: str, _: object, sources: Sources) -> SlipwayError | None:
    if not (_NETWORK.search(text) or (_CACHE_ONLY.search(text) and not sources.offline)):
        return None
    return IndexAway(
        "The package index cannot be reached from this machine, so the environment could not be resolved. "
        "Nothing is known to be wrong with the requirements.",
        hint="Check the network or proxy and deploy again; or put the wheels into a folder, name it in SLIPWAY_WHEELS "
        "and set SLIPWAY_OFFLINE=true.",
    )


def _of_build(text: str, *_: object) -> SlipwayError | None:
    found = _BUILD.search(text)
    if not found:
        return None
    return Unsolvable(
        f"The package {found[1] or 'of a requirement'} comes without a ready wheel and could not be built here.",
        code="package_unbuildable",
        hint="Choose a version that has a wheel for this Python version, or ask an administrator to put a wheel into "
        "the folder that SLIPWAY_WHEELS names.",
    )


def _of_unknown_package(text: str, requirements: Sequence[str], sources: Sources) -> SlipwayError | None:
    names = sorted({match[1] for match in _UNKNOWN.finditer(text)})
    if not names:
        return None
    packages = ", ".join(names)
    if sources.offline:
        return Unsolvable(
            f"This studio installs without a package index, and its wheel folder has no {packages}.",
            code="package_unknown",
            hint=f"Ask an administrator to put the wheel into {sources.wheels or 'the folder SLIPWAY_WHEELS names'}.",
        )
    return Unsolvable(
        f"The package index knows no package {packages}.",
        code="package_unknown",
        hint="Check the spelling: the package's name may differ from the module's, such as scikit-learn for sklearn.",
    )


def _of_conflict(text: str, requirements: Sequence[str], _: object) -> SlipwayError | None:
    if "No solution found" not in text:
        return None
    blamed = [line for line in requirements if _named(line)(text)] or list(requirements)
    return Unsolvable(
        f"No set of package versions satisfies these requirements together: {', '.join(blamed[:8])}.",
        hint="Loosen or correct them, make a new environment, and deploy with it. The evidence tells how they collide.",
    )


def _named(requirement: str) -> Callable[[str], object]:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    pattern = re.compile(rf"(?<![\w.-]){re.escape(name[0] if name else requirement)}(?![\w-])", re.IGNORECASE)
    return pattern.search
