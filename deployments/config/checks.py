"""Check an inference config before it is made. Reads source files; never runs them."""

import re
from collections.abc import Mapping

from deployments.config.entry_script import check_script, parse
from deployments.config.findings import Finding
from deployments.config.imports import check_imports, imports_of, own_modules
from deployments.config.model_paths import check_model_paths
from deployments.config.sources import Content, bytes_of
from deployments.models.config import ConfigKind
from registry.environments import environments
from registry.environments.built import is_built
from registry.environments.interpreters import interpreter_for
from registry.environments.paths import CURATED_HASH
from registry.environments.runtime import runtime_requirements
from registry.models import Environment, ModelVersion
from studio.core.errors import BadInput


def check(
    *, kind: str, entry_script: str, files: Mapping[str, Content], environment: Environment | None
) -> list[Finding]:
    """What is right and wrong with a config. `files` as `gather` gives them; nothing is run."""
    if kind not in ConfigKind.values:
        return [Finding("error", "kind_unknown", f"There is no kind '{kind[:40]}'.", "Use no_code or entry_script.")]
    if kind == ConfigKind.NO_CODE:
        if files:
            hint = "Choose the kind 'entry script', or leave the files out."
            return [Finding("error", "files_unused", "A config without code has no files.", hint)]
        message = "The model is loaded as it is; one that needs code of its own needs an entry script."
        return [Finding("ok", "no_code", message)]
    found = _check_entry(entry_script, files)
    if environment is None:
        hint = "Choose one; slipway-runtime needs no build and has NumPy and ONNX Runtime."
        return [*found, Finding("error", "environment_missing", "An entry script needs an environment.", hint)]
    return [*found, *_check_python(environment), *_check_sources(entry_script, files, environment)]


def check_model(entry_script: str, files: Mapping[str, Content], version: ModelVersion | None) -> list[Finding]:
    """Whether the script looks for the files of the version it is tried with where they will lie."""
    if version is None or entry_script not in files:
        return []
    tree = parse(bytes_of(files[entry_script]), entry_script)
    if isinstance(tree, Finding):
        return []
    paths = list(version.files.values_list("path", flat=True))
    return check_model_paths(tree, path=entry_script, version=str(version), files=paths, folder=version.folder)


def _check_entry(entry_script: str, files: Mapping[str, Content]) -> list[Finding]:
    if entry_script not in files:
        names = ", ".join(sorted(path for path in files if path.endswith(".py"))[:8]) or "none is there"
        message = f"The entry script '{entry_script[:200]}' is not among the files (Python files: {names})."
        return [Finding("error", "script_missing", message, "Add the file, or correct the script's name.")]
    if not entry_script.endswith(".py"):
        return [Finding("error", "script_missing", f"{entry_script} is no Python file: its name must end with .py.")]
    return check_script(bytes_of(files[entry_script]), entry_script)


def _check_python(environment: Environment) -> list[Finding]:
    """An environment that is older than this machine's Pythons may not be made any more; an image has its own."""
    if environment.has_own_base or is_built(environment.definition_hash):
        return []
    try:
        interpreter_for(environment.python_version)
    except BadInput as error:
        return [Finding("error", error.code, error.message, error.hint)]
    return []


def _check_sources(entry_script: str, files: Mapping[str, Content], environment: Environment) -> list[Finding]:
    """Syntax of the other Python files, and imports of all of them."""
    distributions, locked = _distributions(environment)
    found: list[Finding] = []
    for path in sorted(path for path in files if path.endswith(".py")):
        tree = parse(bytes_of(files[path]), path)
        if not isinstance(tree, Finding):
            found += check_imports(
                imports_of(tree), path=path, own=own_modules(files), distributions=distributions, locked=locked
            )
        elif path != entry_script:  # the entry script's own error is told already
            found.append(tree)
    covered = Finding("ok", "imports_covered", f"Every import is covered by Python, the files or {environment}.")
    return found or [covered]


def _distributions(environment: Environment) -> tuple[set[str], bool]:
    """Names in normal form that the environment has for certain, and whether that is all there will be."""
    if environment.definition_hash == CURATED_HASH:
        return environments.curated_distributions(), True
    lines = environment.lock.splitlines() or [*environment.requirements, *runtime_requirements()]
    names = {found[0].lower() for line in lines if (found := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line))}
    return names, bool(environment.lock)
