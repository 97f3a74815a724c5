"""One pip requirement: checked, and in normal form. Pure.

Refused is what would have pip look elsewhere (options, addresses, paths), since another machine would not get the same
files.
"""

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studio.core.errors import BadInput

MAX_LINE = 500  # characters
SHOWN = 100  # characters of a line in a message
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
        raise bad(f"A requirement has more than {MAX_LINE} characters: {text[:60]}…")
    if variable := _VARIABLE.search(text):
        raise bad(
            f"Environment variables are not filled in: '{text}' holds {variable[0]}.", hint="Write its value instead."
        )
    _refuse_places(text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as reason:
        hint = "Versions are compared by two equals signs: numpy==1.26." if _ONE_EQUALS_SIGN.match(text) else ""
        message = f"'{text}' is no pip requirement: {str(reason).splitlines()[0]}."
        raise bad(message, hint=hint, evidence=str(reason)) from reason
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
    return bad(f"{why}: '{short(text)}'.", hint=hint)


def short(text: str) -> str:
    """The text on one line, cut for a message."""
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
    return bad(
        f"{why}: '{text}'.",
        hint="Name the package and its version. Own packages go as wheels into the folder that SLIPWAY_WHEELS names, "
        "own modules beside the entry script.",
    )


def bad(message: str, *, hint: str = "", evidence: str = "") -> BadInput:
    """The error of requirements that cannot be used."""
    return BadInput(message, code="bad_requirement", hint=hint, evidence=evidence, field="requirements")
