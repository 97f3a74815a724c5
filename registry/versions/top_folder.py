"""Pure: the folder that a version was registered from. Its name is kept beside the files, whose paths are below it."""

from collections.abc import Sequence

from registry.errors import UnsafePath
from registry.store.paths import safe_path


def kept(folder: str, paths: list[str]) -> tuple[str, list[str]]:
    """The folder's name and the paths below it, as a version keeps them. Raises `UnsafePath`.

    Services offer each file both as `path` and as `folder/path`. Where the folder holds a file of its own name these
    exclude each other: then the name is a part of the paths.
    """
    if not folder:
        return "", paths
    name = safe_path(folder)
    if "/" in name:
        raise UnsafePath(f"'{name[:80]}' is more than the name of one folder.", field="folder")
    if name in paths:
        return "", [safe_path(f"{name}/{path}") for path in paths]
    return name, paths


def common(paths: Sequence[str]) -> str:
    """The one folder that all files were chosen with, as a browser sends them; empty where there is none."""
    tops = {path.split("/", 1)[0] if "/" in path else "" for path in paths}
    return tops.pop() if len(tops) == 1 else ""
