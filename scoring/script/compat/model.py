"""`Model`: where the files of the bundle's models lie, found by name as in `azureml.core`."""

import shutil
from pathlib import Path
from typing import Any, ClassVar


class WebserviceException(Exception):
    """What cannot be done inside a service."""


class ModelNotFoundException(WebserviceException):
    """The service holds no such model."""


class Model:
    """A model version of the bundle. `folder` holds its files."""

    root: ClassVar[Path | None] = None  # <root>/<name>/<version>/…; set by the server before the script is loaded
    folders: ClassVar[dict[str, str]] = {}  # "name:version" to the folder that the version was registered from

    def __init__(
        self,
        workspace: Any = None,
        name: str | None = None,
        id: str | None = None,
        version: int | str | None = None,
        **more: Any,
    ) -> None:
        own_name, _, number = (id or name or "").partition(":") if id else (name or "", "", "")
        self.folder = _folder_of(own_name, version or number or None)
        self.name = self.folder.parent.name
        self.version = int(self.folder.name)
        self.id = f"{self.name}:{self.version}"
        self.tags: dict[str, str] = {}
        self.properties: dict[str, str] = {}

    @staticmethod
    def get_model_path(model_name: str, version: int | str | None = None, _workspace: Any = None) -> str:
        """The folder that a model version was registered from, else its only file or folder, or its own folder where
        there are several; the highest version without `version`.

        A path that exists beside the script is given back: models need not be registered.
        """
        if model_name and not _versions_of(model_name) and Path(model_name).exists():
            return model_name
        folder = _folder_of(model_name, version)
        if registered := Model.folders.get(f"{folder.parent.name}:{folder.name}"):
            return str(folder / registered)
        held = list(folder.iterdir())
        return str(held[0] if len(held) == 1 else folder)

    @classmethod
    def list(cls, workspace: Any = None, name: str | None = None, latest: bool = False, **more: Any) -> list["Model"]:
        """The models of the bundle; with `latest` only the highest version of each."""
        found = []
        for one in _names() if name is None else [name]:
            versions = _versions_of(one)
            found += [cls(name=one, version=version) for version in (versions[-1:] if latest else versions)]
        return found

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None) -> str:
        """Copy the files to a folder; gives the path of the copy."""
        path = Path(self.get_model_path(self.name, self.version))
        target = Path(target_dir, path.name)
        if target.exists() and not (exist_ok or exists_ok):
            raise WebserviceException(f"{target} exists already; say exist_ok=True to write over it")
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)
        return str(target)

    def __repr__(self) -> str:
        return f"Model(name={self.name}, id={self.id}, version={self.version})"


def _names() -> "list[str]":
    root = Model.root
    return sorted(one.name for one in root.iterdir() if one.is_dir()) if root and root.is_dir() else []


def _versions_of(name: str) -> "list[int]":
    place = Model.root / name if Model.root and name and name in _names() else None
    return sorted(int(one.name) for one in place.iterdir() if one.name.isdecimal()) if place else []


def _folder_of(name: str, version: int | str | None) -> Path:
    versions = _versions_of(name)
    wanted = int(version) if version is not None else max(versions, default=0)
    if Model.root is None or wanted not in versions:
        held = ", ".join(f"{one}:{number}" for one in _names() for number in _versions_of(one)) or "none"
        missing = name if version is None else f"{name}:{version}"
        raise ModelNotFoundException(f"There is no model {missing} in this service; it holds {held}")
    return Model.root / name / str(wanted)
