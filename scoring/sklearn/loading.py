"""Read estimators from files: pickles, joblib's and skops', with nothing imported that is not allowed."""

import pickle
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Any

import joblib

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.pickled_names import is_allowed
from scoring.tabular.model import invalid
from scoring.tabular.unpickling import RefusedNameError, allowed_names_only

VERSION_HINT = (
    "Register it with the version of the library that wrote it (--model-framework-version), which its environment then "
    "has; or write it again with a newer one."
)
SCRIPT_HINT = "Deploy it with an entry script that brings what the file needs."


def load_estimator(bundled: BundledModel, path: Path) -> Any:
    """What the file holds; StartFailure says why it cannot be read, and which versions have met."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with allowed_names_only():
                loaded = _read(bundled, path)
        except (StartFailure, MemoryError):
            raise
        except RefusedNameError as error:
            raise invalid(bundled, f"is not loaded without code: {error}.", hint=SCRIPT_HINT) from error
        except ModuleNotFoundError as error:
            raise _missing(bundled, error) from error
        except Exception as error:  # whatever reading bytes of another version may raise
            raise _unreadable(bundled, error) from error
    for message in dict.fromkeys(str(one.message).partition(" For more info")[0] for one in warned):
        log(f"{bundled.name}:{bundled.version}: {message}", "W")
    return loaded


def _read(bundled: BundledModel, path: Path) -> Any:
    if bundled.format != "skops":
        return joblib.load(path)
    import skops.io

    unknown = skops.io.get_untrusted_types(file=path)
    if refused := [name for name in unknown if not is_allowed(name)]:
        raise RefusedNameError(refused[0])
    return skops.io.load(path, trusted=unknown)


def _missing(bundled: BundledModel, error: ModuleNotFoundError) -> StartFailure:
    message = f"{bundled.name}:{bundled.version} needs the module {error.name}, which its environment lacks."
    hint = f"It was moved or removed since {_written(bundled)}: register a file of a newer version. {SCRIPT_HINT}"
    return StartFailure("import_missing", message, hint=hint)


def _unreadable(bundled: BundledModel, error: Exception) -> StartFailure:
    broken = isinstance(error, (pickle.UnpicklingError, EOFError, zlib.error))
    why = "is damaged" if broken else f"cannot be loaded here: it was written by {_written(bundled)}"
    hint = "Send the file again." if broken else VERSION_HINT
    last = f"{type(error).__name__}: {error}"
    return invalid(bundled, f"{why}: {last}", hint=hint, evidence="".join(traceback.format_exception(error)))


def _written(bundled: BundledModel) -> str:
    version = bundled.framework_version
    return f"{bundled.framework} {version}" if version else f"an unknown version of {bundled.framework}"
