"""Read a bundle: which models it holds, and where their files lie."""

import os
from pathlib import Path

import msgspec

from scoring.contract import Bundle, BundledModel
from scoring.core.errors import StartFailure

TREE_LINES = 200


def load_bundle(folder: Path) -> Bundle:
    """`bundle.json` of a bundle folder; StartFailure(internal) when it is missing or not one."""
    try:
        return msgspec.json.decode((folder / "bundle.json").read_bytes(), type=Bundle)
    except (OSError, msgspec.DecodeError) as error:
        raise StartFailure("internal", f"The bundle {folder} cannot be read: {error}") from error


def onnx_file(folder: Path, model: BundledModel) -> Path:
    """The ONNX file of a model version: the one that the registry chose; else, in older bundles, the only one.

    StartFailure(model_invalid) where there is none or no obvious one.
    """
    place = folder / model.path
    if model.file and (place / model.file).is_file():
        return place / model.file
    if place.is_file():
        return place
    found = sorted(place.rglob("*.onnx"))
    named = [path for path in found if path.name == "model.onnx"]
    if len(found) == 1 or len(named) == 1:
        return (named or found)[0]
    listed = ", ".join(str(path.relative_to(place)) for path in found) or "none"
    message = f"{model.name}:{model.version} needs exactly one ONNX file, or one called model.onnx; found: {listed}"
    raise StartFailure("model_invalid", message, tree(place))


def model_file(folder: Path, model: BundledModel) -> Path:
    """The file of a model that is not ONNX: the one that the registry chose, else the only one.

    StartFailure(model_invalid) where it is not there.
    """
    place = folder / model.path
    found = [place / model.file] if model.file else [path for path in place.rglob("*") if path.is_file()]
    if len(found) == 1 and found[0].is_file():
        return found[0]
    wanted = model.file or "exactly one file"
    raise StartFailure(
        "model_invalid", f"{model.name}:{model.version} needs {wanted}, which is not there.", tree(place)
    )


def model_directory(folder: Path, bundle: Bundle) -> Path:
    """What AZUREML_MODEL_DIR says: models/<name>/<version> for a single model, models for several or none."""
    root = folder / "models"
    if len(bundle.models) == 1:
        model = bundle.models[0]
        return root / model.name / str(model.version)
    return root


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def tree(folder: Path, lines: int = TREE_LINES) -> str:
    """What lies in a folder, one path a line with its size, cut after `lines`."""
    listed = [f"{folder}/"]
    for where, folders, files in os.walk(folder):
        folders.sort()
        names = [f"{name}/" for name in folders] + sorted(files)
        for name in names:
            if len(listed) > lines:
                return "\n".join([*listed, "…"])
            path = Path(where, name)
            size = "" if name.endswith("/") or not path.exists() else f"  {path.stat().st_size} bytes"
            listed.append(f"  {path.relative_to(folder)}{size}")
    return "\n".join(listed)
