"""Load the user's file: the surroundings that Azure's server gives it, its module, and its two functions."""

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import scoring
from scoring.core.bundle import tree
from scoring.core.errors import StartFailure
from scoring.core.settings import Replica
from scoring.script import compat
from scoring.script.compat.model import Model

HEADERS = "request_headers"
Run = Callable[..., Any]


def prepare(replica: Replica, source: Path, path: Path, models: Path) -> None:
    """Make this process what the script expects: variables, working folder, sys.path, compatible modules."""
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
    Model.root = replica.bundle_folder / "models"
    Model.folders = {f"{model.name}:{model.version}": model.folder for model in replica.bundle.models if model.folder}
    compat.install()


def load(path: Path) -> ModuleType:
    """Import the script under its own name, so that classes it defines can be unpickled."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise StartFailure("script_invalid", f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    if path.stem == scoring.__name__:  # it hides this package, whose modules are still found below the name
        module.__path__ = list(scoring.__path__)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def functions(module: ModuleType, path: Path) -> tuple[Run, Run]:
    """`init` and `run`. A script that only drives another, as Azure's designer writes them, names it driver_module."""
    driven = getattr(module, "driver_module", None)
    owner = driven if isinstance(driven, ModuleType) and hasattr(driven, "run") else module
    found = [getattr(module, "init", None), getattr(owner, "run", None)]
    for name, function in zip(("init", "run"), found, strict=True):
        if not callable(function):
            raise StartFailure("script_missing", f"{path.name} defines no function {name}()")
    return found[0], found[1]  # type: ignore[return-value]


def data_parameters(run: Run, path: Path) -> list[inspect.Parameter]:
    """The parameters of run() that take data: all but `request_headers`."""
    parameters = [one for name, one in inspect.signature(run).parameters.items() if name != HEADERS]
    if not parameters or any(one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters):
        raise _not_callable(run, path)
    return parameters


def one_parameter(run: Run, path: Path) -> str:
    """The one parameter of run() that takes the body."""
    parameters = data_parameters(run, path)
    needed = [one.name for one in parameters if one.default is one.empty]
    if len(needed) > 1:
        raise _not_callable(run, path)
    return needed[0] if needed else parameters[0].name


def _not_callable(run: Run, path: Path) -> StartFailure:
    message = f"run() in {path.name} must take one parameter for the body, and request_headers if it wants them"
    return StartFailure("script_invalid", f"{message}; it takes {inspect.signature(run)}")
