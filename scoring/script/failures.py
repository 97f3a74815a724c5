"""What a script raised, as an answer or as the reason of a failed start, and in the log."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scoring.core.bundle import tree
from scoring.core.errors import ScoringError, StartFailure
from scoring.core.log import current_request_id, log_printed
from scoring.script.packages import imported_module, installed_package, package_of, requirement_for, unavailable
from scoring.script.pickle_versions import VersionWarnings, version_sentence

Returned = TypeVar("Returned")
OLDER_HINT = (
    "Ask for {wanted} in the environment's requirements, make a new inference config with it and deploy again. Where "
    "that has no build for the environment's Python, choose an older Python, or bring {what} up to date with what is "
    "installed."
)


def script_failed(error: BaseException, what: str = "run()") -> ScoringError:
    """500 with the last line of what was raised; the traceback goes to the log."""
    log_lines(trace(error))
    return ScoringError(500, "script_failed", f"{what} raised {last_line(error)}", failed=True)


def log_lines(text: str) -> None:
    """Write to the log as if printed, also when the script has closed or replaced its standard error."""
    for line in text.rstrip("\n").split("\n"):
        raw = line.encode("utf-8", "backslashreplace")
        log_printed(2, raw, len(raw), current_request_id())


def guarded(what: str, models: Path, call: Callable[[], Returned]) -> Returned:
    """Call the user's code while starting; whatever it raises becomes the reason of a failed start."""
    with VersionWarnings() as warned:
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
            raise StartFailure("init_failed", message, _evidence(error, models), _init_hint(error, warned)) from error


def trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


def _evidence(error: BaseException, models: Path) -> str:
    return f"{trace(error)}\nModel files:\n{tree(models)}"


def _missing_variable(error: BaseException | None) -> str:
    """The name of the environment variable whose absence caused an error; empty where none did."""
    while error is not None:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        if isinstance(error, KeyError) and where is not None and where.tb_frame.f_locals.get("self") is os.environ:
            return str(error.args[0])
        error = error.__cause__ or error.__context__
    return ""


def _init_hint(error: BaseException, warned: VersionWarnings) -> str:
    if name := _missing_variable(error):
        return f"Set {name} when you deploy: --env {name}=VALUE, or under environment variables on the deploy page."
    if warned.made_by:
        return OLDER_HINT.format(
            wanted=f"scikit-learn=={warned.made_by}", what="the model (train and register it again)"
        )
    return ""


def _import_failed(error: ImportError, models: Path) -> StartFailure:
    name = error.name or ""
    if installed := installed_package(name):
        maker = version_sentence(models) if name.partition(".")[0] == "sklearn" else ""
        wanted = requirement_for(error)
        advice = f"ask for {wanted}, which has it" if wanted else "ask for the version that the script was written for"
        message = f"{error}. The installed {' '.join(installed)} has no such part: {advice}.{maker}"
        hint = OLDER_HINT.format(wanted=wanted or "that version", what="the script, or the model that it loads,")
        return StartFailure("import_missing", message, _evidence(error, models), hint)
    message = f"The environment lacks a module: {error}"
    if explanation := unavailable(name):
        why, hint = explanation
        return StartFailure("import_missing", f"{message}; {why}", trace(error), hint)
    module = imported_module(name, traceback.extract_tb(error.__traceback__)[-1].line or "")
    advice = f"; add {package_of(module)} to its packages" if isinstance(error, ModuleNotFoundError) and name else ""
    return StartFailure("import_missing", f"{message}{advice}", trace(error))
