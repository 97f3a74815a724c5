"""What a script raised, as an answer or as the reason of a failed start, and in the log."""

import sys
import traceback
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TypeVar

from scoring.bundle import tree
from scoring.errors import ScoringError, StartFailure
from scoring.log import asked_for, printed
from scoring.script.versions import Warned, maker_of

Given = TypeVar("Given")
# Modules whose package has another name.
PACKAGES = {
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "azureml": "azureml-core",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google.protobuf": "protobuf",
    "inference_schema": "inference-schema",
    "jwt": "pyjwt",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearn_pandas": "sklearn-pandas",
    "yaml": "pyyaml",
}


def script_failed(error: BaseException, what: str = "run()") -> ScoringError:
    """500 with the last line of what was raised; the traceback goes to the log."""
    complain(trace(error))
    return ScoringError(500, "script_failed", f"{what} raised {last_line(error)}", failed=True)


def complain(text: str) -> None:
    """Write to the log as if printed, also when the script has closed or replaced its standard error."""
    for line in text.rstrip("\n").split("\n"):
        raw = line.encode("utf-8", "backslashreplace")
        printed(2, raw, len(raw), asked_for())


def guarded(what: str, models: Path, call: Callable[[], Given]) -> Given:
    """Call the user's code while starting; whatever it raises becomes the reason of a failed start."""
    with Warned() as warned:
        try:
            return call()
        except StartFailure:
            raise
        except SyntaxError as error:
            raise StartFailure("script_invalid", f"The script does not parse: {error}", trace(error)) from error
        except ImportError as error:
            raise _import_failed(error, models) from error
        except MemoryError as error:
            raise StartFailure("out_of_memory", f"{what}: not enough memory", trace(error)) from error
        except BaseException as error:
            message = f"{what}: {last_line(error)}{warned.sentence()}"
            raise StartFailure("init_failed", message, _evidence(error, models)) from error


def trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


def _evidence(error: BaseException, models: Path) -> str:
    return f"{trace(error)}\nModel files:\n{tree(models)}"


def _import_failed(error: ImportError, models: Path) -> StartFailure:
    name = error.name or ""
    top = name.partition(".")[0]
    installed = packages_distributions().get(top) if top else None
    if installed and not _is_shared(top):
        maker = maker_of(models) if top == "sklearn" else ""
        has = f"The installed {installed[0]} {version(installed[0])} has no such part"
        message = f"{error}. {has}: ask for the version that the script was written for.{maker}"
        return StartFailure("import_missing", message, _evidence(error, models))
    advice = f"; add {package_of(name)} to its packages" if isinstance(error, ModuleNotFoundError) and name else ""
    return StartFailure("import_missing", f"The environment lacks a module: {error}{advice}", trace(error))


def package_of(module: str) -> str:
    """The package that brings a module."""
    top = module.partition(".")[0]
    two = ".".join(module.split(".")[:2])
    own = two.replace(".", "-") if _is_shared(top) else top
    return PACKAGES.get(two) or PACKAGES.get(top) or own.replace("_", "-")


def _is_shared(top: str) -> bool:
    """Whether a module that has been imported is a namespace, to which each of several packages adds its part."""
    module = sys.modules.get(top)
    return module is not None and getattr(module, "__file__", None) is None
