"""Which files may run code when they are loaded. What is not on the list of safe formats counts as such."""

import ast
from pathlib import Path

# Nothing but numbers, texts and a graph of known operators; skops loads no class that is not on a list. Source code is
# text that runs only where a script imports it.
SAFE = frozenset(
    {"onnx", "onnx?", "safetensors", "xgboost-ubj", "lightgbm", "catboost", "json", "skops", "numpy", "text", "pdf"}
    | {"empty"}
)
YAML = frozenset({".yaml", ".yml"})
MAX_YAML = 4 * 1024 * 1024  # bytes that are searched for tags
MAX_NPY_HEADER = 64 * 1024  # bytes
NAMED = 3  # files that the warning names


def warn_of_code(formats: dict[Path, str], root: Path, *, but: Path | None = None) -> list[str]:
    """One warning for all files that may carry code, or none. `but` has been warned of already."""
    risky = [path for path, found in formats.items() if path != but and may_carry_code(path, found)]
    if not risky:
        return []
    names = ", ".join(str(path.relative_to(root)) for path in risky[:NAMED])
    more = f" and {len(risky) - NAMED} more" if len(risky) > NAMED else ""
    return [f"Loading {names}{more} can run code that the file brings. Deploy it only if you trust whoever made it."]


def may_carry_code(path: Path, found: str) -> bool:
    """Whether loading a file of the format `found` in the usual way may run code of its maker."""
    if found == "numpy":
        return _holds_objects(path)
    if found == "text":
        return _has_python_tags(path)
    return found not in SAFE


def _holds_objects(path: Path) -> bool:
    """An array of objects is a pickle behind a header (numpy.lib.format); an unreadable header counts as one."""
    with path.open("rb") as file:
        head = file.read(12)
        length = int.from_bytes(head[8:10] if head[6:7] == b"\x01" else head[8:12], "little")
        file.seek(10 if head[6:7] == b"\x01" else 12)
        text = file.read(min(length, MAX_NPY_HEADER))
    try:
        kind = ast.literal_eval(text.decode("latin-1").strip())["descr"]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
        return True
    return "O" in str(kind)


def _has_python_tags(path: Path) -> bool:
    if path.suffix.lower() not in YAML and path.name != "MLmodel":
        return False
    with path.open("rb") as file:
        content = file.read(MAX_YAML)
    return b"!!python/" in content or b"tag:yaml.org,2002:python/" in content
