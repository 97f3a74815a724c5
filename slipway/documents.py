"""Files that hold one object, as JSON or YAML."""

import json
from pathlib import Path
from typing import Any

from slipway import text_files
from slipway.errors import Misuse


def load(path: Path) -> dict[str, Any]:
    """The object in the file. Raises `Misuse` with the line of a mistake."""
    text = text_files.read(path)
    found = _json(text, path) if text.lstrip().startswith(("{", "[")) else _yaml(text, path)
    if not isinstance(found, dict):
        raise Misuse(f"{path} holds no object of names and values.")
    return found


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as reason:
        hint = "Correct the line, for example a missing comma before it."
        raise Misuse(f"{path} is not JSON in line {reason.lineno}: {reason.msg}.", hint=hint) from reason


def _yaml(text: str, path: Path) -> Any:
    import yaml  # slow to load, and few commands need it

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as reason:
        mark = getattr(reason, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise Misuse(f"{path} is neither JSON nor YAML{where}.", hint=str(reason).splitlines()[0]) from reason
    return json.loads(json.dumps(found, default=str))  # as JSON has it: dates as text, names as text
