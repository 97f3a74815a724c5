"""The user's entry script: `init()` once per process, `run(data)` per request, as Azure's server calls them.

`run` gets the whole body as text (a GET's parameters as the text of a JSON object). What it returns is
sent as JSON: None as {}, and text as a JSON string, so that `return json.dumps(…)` arrives quoted.
"""

import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from types import ModuleType
from typing import Any

import orjson

from scoring.bundle import model_directory, tree
from scoring.errors import ScoringError, StartFailure, bad_input
from scoring.request import Request
from scoring.settings import Replica
from scoring.work import Laps, Result

HEADERS = "request_headers"
Run = Callable[..., Any]


class EntryScript:
    """A script that has been loaded and initialised."""

    batcher: Any = None  # what run() makes of several bodies at once nobody knows

    def __init__(self, replica: Replica) -> None:
        self._models = model_directory(replica.bundle_folder, replica.bundle)
        source = replica.bundle_folder / "source"
        path = source / (replica.bundle.entry_script or "score.py")
        _prepare(replica, source, path, self._models)
        module = self._guard("The script raised while it was imported", lambda: _import(path))
        init, self._run = _functions(module, path)
        self._wants_headers = HEADERS in inspect.signature(self._run).parameters
        self._argument = _data_parameter(self._run, path)
        self._guard("init() raised", init)

    def __call__(self, request: Request, laps: Laps) -> Result:
        """Answer one request."""
        began = perf_counter_ns()
        arguments = self._arguments(request)
        decoded = perf_counter_ns()
        laps.decode = decoded - began
        try:
            result = self._run(**arguments)
        except (Exception, SystemExit) as error:
            raise _script_failed(error) from error
        finally:
            ran = perf_counter_ns()
            laps.infer = ran - decoded
        answer = encode(result)
        laps.encode = perf_counter_ns() - ran
        return answer

    def _arguments(self, request: Request) -> dict[str, Any]:
        raw = orjson.dumps(request.parameters()) if request.method == b"GET" else request.body
        try:
            arguments: dict[str, Any] = {self._argument: raw.decode()}
        except UnicodeDecodeError as error:
            raise bad_input(f"the body is not UTF-8 text: {error}") from error
        if self._wants_headers:
            arguments[HEADERS] = readable(request.headers)
        return arguments

    def _guard(self, what: str, call: Callable[[], Any]) -> Any:
        """Call the user's code; whatever it raises becomes the reason of a failed start."""
        try:
            return call()
        except StartFailure:
            raise
        except SyntaxError as error:
            raise StartFailure("script_invalid", f"The script does not parse: {error}", _trace(error)) from error
        except ImportError as error:
            raise StartFailure("import_missing", f"The environment lacks a module: {error}", _trace(error)) from error
        except MemoryError as error:
            raise StartFailure("out_of_memory", f"{what}: not enough memory", _trace(error)) from error
        except (Exception, SystemExit) as error:
            evidence = f"{_trace(error)}\nModel files:\n{tree(self._models)}"
            raise StartFailure("init_failed", f"{what}: {_last_line(error)}", evidence) from error


def encode(result: Any) -> bytes:
    """What run() returned, as JSON; 500 that names the type JSON cannot carry."""
    if result is None:
        return b"{}"
    try:
        return orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):
        return _encode_slowly(result)


def _encode_slowly(result: Any) -> bytes:
    """The standard encoder takes a few things that the fast one refuses: huge integers, lone surrogates."""
    try:
        return json.dumps(result, allow_nan=False, default=_refuse).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"run() returned something that JSON cannot carry, of type {_type_name(result)}: {error}"
        raise ScoringError(500, "not_serialisable", message, failed=True) from error


def _refuse(value: Any) -> Any:
    hint = "; call .tolist() on it" if type(value).__module__.split(".")[0] in ("numpy", "pandas") else ""
    raise TypeError(f"it holds a {_type_name(value)}{hint}")


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def readable(headers: dict[bytes, bytes]) -> dict[str, str]:
    """Request headers as the script sees them, in the usual spelling: `Content-Type`."""
    return {name.decode("latin-1").title(): value.decode("latin-1") for name, value in headers.items()}


def _prepare(replica: Replica, source: Path, path: Path, models: Path) -> None:
    if not path.is_file():
        raise StartFailure("script_missing", f"There is no {path.name} in the source folder", tree(source))
    sys.dont_write_bytecode = True  # a bundle never changes
    os.environ.update(
        AZUREML_MODEL_DIR=str(models),
        AZUREML_ENTRY_SCRIPT=path.name,
        AZUREML_SOURCE_DIRECTORY=str(source),
        SERVICE_NAME=replica.run.service,
        WORKSPACE_NAME=replica.run.workspace,
    )
    sys.path[:] = [*sys.path, str(source)] if path.parent == source else [*sys.path, str(source), str(path.parent)]
    os.chdir(source)


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise StartFailure("script_invalid", f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # classes that the script defines can then be unpickled
    spec.loader.exec_module(module)
    return module


def _functions(module: ModuleType, path: Path) -> tuple[Run, Run]:
    found = [getattr(module, name, None) for name in ("init", "run")]
    for name, function in zip(("init", "run"), found, strict=True):
        if not callable(function):
            raise StartFailure("script_missing", f"{path.name} defines no function {name}()")
    return found[0], found[1]  # type: ignore[return-value]


def _data_parameter(run: Run, path: Path) -> str:
    """The one parameter of run() that takes the body."""
    parameters = [one for name, one in inspect.signature(run).parameters.items() if name != HEADERS]
    odd = [one.name for one in parameters if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    needed = [one.name for one in parameters if one.default is one.empty]
    if odd or len(needed) > 1 or not parameters:
        message = f"run() in {path.name} must take one parameter for the body, and request_headers if it wants them"
        raise StartFailure("script_invalid", f"{message}; it takes {inspect.signature(run)}")
    return needed[0] if needed else parameters[0].name


def _script_failed(error: BaseException) -> ScoringError:
    sys.stderr.write(_trace(error))
    return ScoringError(500, "script_failed", f"run() raised {_last_line(error)}", failed=True)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
