"""Where a script looks for its model, compared with where the files of a version will lie. Pure; nothing is run.

`AZUREML_MODEL_DIR` is the folder of the one version of a service. Only paths that are written out are compared: what a
script puts together at run time is left to the trial.
"""

import ast
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from deployments.config.findings import Finding

VARIABLE = "AZUREML_MODEL_DIR"
SHOWN = 4  # files that a finding names


def check_model_paths(tree: ast.AST, *, path: str, version: str, files: Collection[str], folder: str) -> list[Finding]:
    """A warning for each file that the script looks for and `version` does not have; `folder` is the name of the
    folder that the version was registered from, below which its files lie once more."""
    there = {*files, *(f"{folder}/{file}" for file in files if folder)}
    folders = {"/".join(parts[:count]) for file in there for parts in [file.split("/")] for count in range(len(parts))}
    found = list(_written_out(tree))
    wrong = [(place, line) for place, line in found if place.strip("/") not in there | folders]
    if wrong:
        return [_not_there(place, line, path, version, sorted(files)) for place, line in wrong]
    if found:
        message = f"The model path is right: {version} has {', '.join(dict.fromkeys(place for place, _ in found))}."
        return [Finding("ok", "model_path_found", message, path=path, line=found[0][1])]
    if not _asks_for_models(tree):
        hint = f"Its files lie below the folder that the environment variable {VARIABLE} names."
        return [Finding("warning", "model_unused", f"{path} does not look for the files of {version}.", hint, path)]
    return []


def _not_there(place: str, line: int, path: str, version: str, files: list[str]) -> Finding:
    close = get_close_matches(place, files, n=1)
    more = ", and others" if len(files) > SHOWN else ""
    return Finding(
        "warning",
        "model_path_missing",
        f"{path} looks for {place} in {VARIABLE}, and {version} has no such file.",
        f"It has {', '.join(files[:SHOWN])}{more}." + (f" Did you mean {close[0]}?" if close else ""),
        path,
        line,
    )


def _written_out(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Paths below the folder that are written out, and their lines: os.path.join(…), Path(…) / "…", f"{…}/…"."""
    names = _names_of(tree)
    for node in ast.walk(tree):
        parts = _parts(node, names)
        if parts and all(parts):
            yield "/".join(parts), getattr(node, "lineno", 1)


def _parts(node: ast.AST, names: set[str]) -> list[str]:
    """What follows the folder in an expression; an empty text for what is not written out."""
    if isinstance(node, ast.Call) and _last_name(node.func) in {"join", "joinpath", "Path"} and node.args:
        base = (
            node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath" else node.args[0]
        )
        rest = node.args if base is not node.args[0] else node.args[1:]
        return [_text(one) for one in rest] if _is_folder(base, names) else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add) and _is_folder(node.left, names):
        return [_text(node.right).strip("/")]
    if isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[0], ast.FormattedValue):
        return [_text(node.values[1]).strip("/")] if _is_folder(node.values[0].value, names) else []
    return []


def _names_of(tree: ast.AST) -> set[str]:
    """Variables that hold the folder."""
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return {
        target.id
        for node in assigned
        if _is_folder(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_folder(node: ast.AST, names: set[str]) -> bool:
    """os.environ["…"], os.getenv("…"), os.environ.get("…"), Path(…) of one, or a variable that holds one."""
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Subscript):
        return _text(node.slice) == VARIABLE
    if not isinstance(node, ast.Call) or not node.args:
        return False
    if _last_name(node.func) in {"getenv", "get"}:
        return _text(node.args[0]) == VARIABLE
    return _last_name(node.func) in {"Path", "str"} and len(node.args) == 1 and _is_folder(node.args[0], names)


def _asks_for_models(tree: ast.AST) -> bool:
    """Whether it names the folder, or asks Azure's `Model.get_model_path`."""
    return any(
        (isinstance(node, ast.Constant) and node.value == VARIABLE)
        or (isinstance(node, ast.Attribute) and node.attr == "get_model_path")
        for node in ast.walk(tree)
    )


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
