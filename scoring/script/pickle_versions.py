"""Pickles of another scikit-learn: which version made them, and which one loads them."""

import re
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scoring.core.log import log

KIND = "InconsistentVersionWarning"
READ_BYTES = 64 * 1024 * 1024  # of a model file, that is searched for the version
# The state of every estimator has its version of scikit-learn: the key, a few opcodes, then the length and the text.
MADE_BY = re.compile(rb"_sklearn_version.{0,8}?(?:\x8c(.)|[XT](.)\x00\x00\x00)(\d[\w.]*)", re.DOTALL)


class VersionWarnings:
    """Listens for scikit-learn's warning while models are loaded; every warning is shown as before."""

    def __init__(self) -> None:
        self._found: tuple[str, str] | None = None

    def __enter__(self) -> "VersionWarnings":
        self._shown = warnings.showwarning
        warnings.showwarning = self._record
        return self

    def __exit__(self, *raised: Any) -> None:
        warnings.showwarning = self._shown
        if self._found:
            log(self.sentence().strip(), "W")

    @property
    def made_by(self) -> str:
        """The version that made the model, where another one has loaded it; else nothing."""
        return self._found[0] if self._found else ""

    def sentence(self) -> str:
        """The two versions and what to do, or nothing."""
        if self._found is None:
            return ""
        return _sentence(*self._found)

    def _record(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__name__ == KIND:
            made, here = (getattr(message, f"{one}_sklearn_version", "?") for one in ("original", "current"))
            self._found = (made, here)
        self._shown(message, category, *where, **more)


def version_sentence(models: Path) -> str:
    """A sentence with the scikit-learn version that wrote the pickles of a folder; empty when it is unknown."""
    made = sorted({found for path in models.rglob("*") if path.is_file() and (found := _made_by(path))})
    if not made:
        return ""
    try:
        here = version("scikit-learn")
    except PackageNotFoundError:
        here = "none"
    return _sentence(", ".join(made), here)


def _sentence(made: str, here: str) -> str:
    advice = "" if made == here else f": ask for scikit-learn=={made}"
    return f" The model was made by scikit-learn {made}, and {here} is installed{advice}."


def _made_by(path: Path) -> str:
    with path.open("rb") as file:
        found = MADE_BY.search(file.read(READ_BYTES))
    if found is None:
        return ""
    length = (found[1] or found[2])[0]
    return found[3][:length].decode()
