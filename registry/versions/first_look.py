"""What files seem to be while they arrive: a name for the model, its framework, and where a script will find them.

Reads the first bytes of each file and parses nothing: the inspection says for certain, once the version is registered.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from registry.inspection.formats.detection import HEAD, first_look
from registry.inspection.frameworks import CUSTOM, guess
from registry.models import Upload
from registry.store import artifacts
from registry.store.uploads import part_of
from registry.versions import top_folder
from studio.core.errors import SlipwayError

LOOKED_AT = 50  # files
SHOWN = 4  # paths
README = "readme.md"
README_BYTES = 20_000  # as many characters as a description may have
MODULES = {b"sklearn": "scikit-learn", b"xgboost": "xgboost", b"lightgbm": "lightgbm", b"catboost": "catboost"}
FRAMEWORKS = {"onnx?": "onnx", "lightgbm": "lightgbm", "catboost": "catboost", "xgboost-ubj": "xgboost"}
FRAMEWORKS |= {"safetensors": "safetensors"}


@dataclass(frozen=True)
class FirstLook:
    """`framework` of the file `main`, which its content tells or, with `by_name`, only its name. `paths`: where a
    script finds the files below AZUREML_MODEL_DIR, the first few of `count`; `folder`: below which it does as well."""

    name: str
    main: str
    framework: str
    by_name: bool
    folder: str
    paths: list[str]
    count: int
    readme: str


def look(files: Sequence[Upload]) -> FirstLook | None:
    """What the files tell so far; None when there are none, or their paths cannot be kept."""
    if not files:
        return None
    try:
        folder = top_folder.common([file.path for file in files])
        below = [file.path.removeprefix(f"{folder}/") if folder else file.path for file in files]
        kept, paths = top_folder.kept(folder, below)
    except SlipwayError:
        return None
    main, framework, by_name = _main_of(files)
    shown = sorted(paths, key=lambda path: (path.count("/"), path))
    found = readme_of(files)
    return FirstLook(
        name=propose_name(files),
        main=PurePosixPath(main.path).name,
        framework=framework,
        by_name=by_name,
        folder=kept,
        paths=shown[:SHOWN],
        count=len(paths),
        readme=found.path if found else "",
    )


def propose_name(files: Sequence[Upload]) -> str:
    """A model's name after the folder, or else after the likeliest file: 'Iris v2.onnx' → 'Iris-v2'."""
    folder = top_folder.common([file.path for file in files])
    text = folder or PurePosixPath(_main_of(files)[0].path).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:200]


def readme_of(files: Sequence[Upload]) -> Upload | None:
    """README.md at the top of what was chosen, if it is short enough for a description."""
    folder = top_folder.common([file.path for file in files])
    top = {file.path.removeprefix(f"{folder}/").lower() if folder else file.path.lower(): file for file in files}
    found = top.get(README)
    return found if found and found.size <= README_BYTES else None


def text_of(readme: Upload) -> str:
    """Its text once it has arrived; empty where it is none."""
    if readme.artifact is None:
        return ""
    with artifacts.open_artifact(readme.artifact) as file:
        raw: bytes = file.read(README_BYTES)
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode("utf-8-sig").replace("\0", "")
    return ""


def _main_of(files: Sequence[Upload]) -> tuple[Upload, str, bool]:
    """The file that seems to be the model, its framework, and whether only its name tells."""
    seen = [(file, *_framework_of(file)) for file in files[:LOOKED_AT]]
    return min(seen, key=lambda one: (one[1] == CUSTOM, one[2], one[0].path.count("/"), -one[0].size))


def _framework_of(file: Upload) -> tuple[str, bool]:
    head = _head_of(file)
    form = first_look(head, file.size) if head else ""
    if form == "pickle":
        return next((framework for module, framework in MODULES.items() if module in head), CUSTOM), False
    if form in FRAMEWORKS:
        return FRAMEWORKS[form], False
    if form in {"text", "pdf", "program", "numpy"}:
        return CUSTOM, False
    return guess([file.path]), True


def _head_of(file: Upload) -> bytes:
    """As much of the file's beginning as has arrived."""
    try:
        if file.artifact is not None:
            with artifacts.open_artifact(file.artifact) as whole:
                return bytes(whole.read(HEAD))
        with part_of(file).open("rb") as part:
            return part.read(min(HEAD, file.received))
    except OSError:
        return b""
