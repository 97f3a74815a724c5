"""Look at all files of a version: which one is the model, and what is it?"""

import zipfile
from collections.abc import Callable
from pathlib import Path

from registry.inspection.formats import headers, mlmodel, pickles, skops
from registry.inspection.formats.detection import format_of
from registry.inspection.formats.report import Refused, Report
from registry.inspection.formats.trust import warn_of_code

# The likelier a format is *the* model of its folder, the earlier it stands.
ORDER = (
    "onnx",
    "onnx?",
    "saved-model",
    "torch",
    "pt2",
    "keras",
    "skops",
    "hdf5",
    "pickle",
    "xgboost-ubj",
    "catboost",
    "lightgbm",
    "safetensors",
    "json",
    "numpy",
    "zip",
    "compressed",
    "binary",
    "program",
    "pdf",
    "text",
    "empty",
)
_SIMPLE = {
    "catboost": ("is a CatBoost model", "catboost"),
    "pt2": ("is a program that PyTorch has exported", "pytorch"),
    "saved-model": ("is a TensorFlow SavedModel", "tensorflow"),
    "numpy": ("is a NumPy array", "custom"),
    "zip": ("is a zip archive", "custom"),
    "text": ("looks like text", "custom"),
    "program": ("is a program", "custom"),
    "pdf": ("is a PDF", "custom"),
    "binary": ("is binary data of an unknown kind", "custom"),
}
_READERS: dict[str, Callable[[Path], Report]] = {
    "pickle": pickles.read,
    "compressed": pickles.read_packed,
    "skops": skops.read,
    "torch": pickles.read_torch,
    "keras": headers.read_keras,
    "hdf5": headers.read_hdf5,
    "safetensors": headers.read_safetensors,
    "json": headers.read_json,
    "xgboost-ubj": headers.read_ubjson,
    "lightgbm": headers.read_lightgbm,
}
_DAMAGED = (*pickles.BROKEN, zipfile.BadZipFile, NotImplementedError, RuntimeError)
_MODEL_NAMES = frozenset({"model", "saved_model", "pytorch_model"})


def inspect_folder(root: Path, declared: str) -> Report:
    """The report on the main file, whose path is in `facts["main_file"]`. Raises `Refused`."""
    formats = {path: _format(path, declared) for path in sorted(root.rglob("*")) if path.is_file()}
    for path, found in formats.items():
        _refuse_misnamed(path, found)
    main = min(formats, key=lambda path: _rank(path, formats[path], root))
    if formats[main] == "empty":
        raise Refused("empty_file", f"{main.name} is empty.", hint="Send a file with content.")
    report = read_file(main, formats[main], root)
    others_like_it = [path for path in formats if formats[path] == formats[main] and path != main]
    report.facts |= {"main_file": str(main.relative_to(root)), "format": report.format, "looks_like": report.looks_like}
    if others_like_it and report.framework != "custom":
        taken = main.relative_to(root)
        report.warnings.append(
            f"{len(others_like_it) + 1} files look like a model; {taken} was taken. Name another one model"
            f"{main.suffix} and register the files again if that is the wrong one."
        )
    weights = {main.parent / name for name in report.facts.get("external_data", ())}  # read as numbers by the graph
    others = {path: found for path, found in formats.items() if path not in weights}
    report.warnings += warn_of_code(others, root, but=main if report.warns_of_code else None)
    mlmodel.add_to(report, root)
    return report


def read_file(path: Path, found: str, root: Path) -> Report:
    """Read one file as the format it was found to be."""
    if found in {"onnx", "onnx?"}:
        from registry.inspection.formats import onnx_graph  # slow: only when there is a graph to read

        return onnx_graph.read(path, root)
    if found not in _READERS:
        looks_like, framework = _SIMPLE[found]
        return Report(found, looks_like, framework)
    try:
        return _READERS[found](path)
    except _DAMAGED as reason:
        raise Refused(
            "file_damaged",
            f"{path.name} begins like {found} but is damaged.",
            hint="Compare its size with the original and send it again.",
            evidence=f"{type(reason).__name__}: {reason}",
        ) from reason


def _format(path: Path, declared: str) -> str:
    """The format; what merely might be ONNX counts as that when its name says so, or it can be read."""
    found = format_of(path)
    if path.name == "saved_model.pb" and found in {"binary", "onnx?"}:
        return "saved-model"
    if found == "compressed" and pickles.holds_pickle(path):
        return "pickle"
    claimed = _named_onnx(path) or declared == "onnx"
    if (found == "binary" and claimed) or (found == "onnx?" and not claimed):
        return "onnx?" if _parses(path) else "binary"
    return found


def _parses(path: Path) -> bool:
    from registry.inspection.formats import onnx_graph  # slow: only when a file begins like ONNX

    return onnx_graph.parses(path)


def _named_onnx(path: Path) -> bool:
    return path.suffix.lower() == ".onnx"


def _refuse_misnamed(path: Path, found: str) -> None:
    if not _named_onnx(path) or found == "onnx?":
        return
    if found == "empty":
        raise Refused("empty_file", f"{path.name} is empty.", hint="Send a file with content.")
    looks_like = _SIMPLE.get(found, (f"is {found}", ""))[0]
    raise Refused(
        "not_onnx",
        f"{path.name} is not ONNX: it {looks_like}.",
        hint="Send the file that the exporter wrote, or give this one its real name.",
    )


def _rank(path: Path, found: str, root: Path) -> tuple[int, bool, int, int, str]:
    """Smaller is likelier: by format, then called 'model', then close to the top, then large."""
    relative = path.relative_to(root)
    named = path.stem.lower() in _MODEL_NAMES
    return ORDER.index(found), not named, len(relative.parts), -path.stat().st_size, str(relative)
