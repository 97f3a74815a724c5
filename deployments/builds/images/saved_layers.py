"""The layers of an image that an engine has, as files. Engines that keep images in containerd take an archive only
whole, while others need no more than what they lack."""

import gzip
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deployments.builds.images.builders import Run
from deployments.builds.images.layers import FileLayer
from deployments.engines import EngineAddress, client_of

GZIP = b"\x1f\x8b"


def saved_layers(address: EngineAddress, image_id: str, diff_ids: Sequence[str], run: Run) -> list[FileLayer]:
    """Those of the image `image_id` whose digests are among `diff_ids`; they lie in the run's folder."""
    archive = run.folder / "saved.tar"
    with archive.open("wb") as file:
        for chunk in client_of(address).get_image(image_id):
            file.write(chunk)
    with tarfile.open(archive) as members:
        manifest = msgspec.json.decode(_read(members, "manifest.json"))[0]
        names = list(dict.fromkeys(manifest["Layers"]))
        layers = [_unpacked(members, name, run.folder / f"layer-{number}.tar") for number, name in enumerate(names)]
    archive.unlink()
    return [layer for layer in layers if layer.diff_id in diff_ids]


def _read(members: tarfile.TarFile, name: str) -> bytes:
    file = members.extractfile(name)
    return file.read() if file else b""


def _unpacked(members: tarfile.TarFile, name: str, path: Path) -> FileLayer:
    """The layer's own archive, uncompressed."""
    source = members.extractfile(name)
    if source is None:
        raise OSError(f"The engine's archive has no {name}.")
    is_compressed = source.read(2) == GZIP
    source.seek(0)
    with path.open("wb") as file:
        shutil.copyfileobj(gzip.GzipFile(fileobj=source) if is_compressed else source, file)
    return FileLayer(name, path)
