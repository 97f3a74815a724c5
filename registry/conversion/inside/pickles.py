"""Load a pickle, a joblib file or a skops file. This runs the file's code: only ever in the sandbox."""

import pickle
import warnings
from pathlib import Path
from typing import Any

from registry.conversion.inside.original import Refused

ENVIRONMENT_HINT = "Name an environment that has it, such as the one of the training."


def load(path: Path, notes: list[str]) -> Any:
    """The object. Warnings of another library version are added to `notes`. Raises `Refused`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = _loaded(path)
    for one in caught:
        if type(one.message).__name__ == "InconsistentVersionWarning":
            notes.append(_version_note(one.message))
            break
    return found


def _version_note(warning: Any) -> str:
    return (
        f"{path_free(warning.estimator_name)} was made with scikit-learn {warning.original_sklearn_version} and loaded "
        f"with {warning.current_sklearn_version}."
    )


def path_free(text: Any) -> str:
    return str(text)[:100]


def _loaded(path: Path) -> Any:
    try:
        return _read(path)
    except ModuleNotFoundError as reason:
        raise Refused(
            "class_missing",
            f"Loading {path.name} needs the module {reason.name}, which the environment does not have.",
            hint=ENVIRONMENT_HINT,
            evidence=str(reason),
        ) from reason
    except AttributeError as reason:
        raise Refused(
            "class_missing",
            f"Loading {path.name} needs something that the environment does not have: {reason}.",
            hint="The class may be defined in a script of the training, or the library has another version. "
            + ENVIRONMENT_HINT,
            evidence=str(reason),
        ) from reason
    except MemoryError:
        raise
    except Exception as reason:
        raise Refused(
            "cannot_load",
            f"{path.name} cannot be loaded: {type(reason).__name__}: {str(reason)[:300]}",
            hint="It is damaged, or was made with another version of its libraries. " + ENVIRONMENT_HINT,
        ) from reason


def _read(path: Path) -> Any:
    if path.suffix == ".skops":
        import skops.io  # late: only in environments that have it

        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    try:
        import joblib  # late: not every environment has it
    except ModuleNotFoundError:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - in the sandbox
    return joblib.load(path)
