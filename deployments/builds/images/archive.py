"""An image as the archive that `docker load` takes. Pure: it is given out in pieces as it is read."""

import tarfile
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import msgspec

from deployments.builds.images.image_config import ImageConfig


class LayerBytes(Protocol):
    """See `layers.py`."""

    @property
    def diff_id(self) -> str: ...

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


def image_archive(
    config: ImageConfig, layers: Sequence[LayerBytes], *, tag: str = "", known: Collection[str] = ()
) -> Iterator[bytes]:
    """The archive of an image. Layers that the engine has (`known`) or that are not handed in are sent empty: it looks
    at their digests first and reads the bytes of those alone that it lacks."""
    given = {layer.diff_id: layer for layer in layers if layer.diff_id not in known}
    for diff_id in dict.fromkeys(config.diff_ids):
        layer = given.get(diff_id)
        yield from _member(_layer_name(diff_id), layer.size if layer else 0, layer.chunks() if layer else ())
    name = f"{config.image_id.removeprefix('sha256:')}.json"
    yield from _member(name, len(config.raw), [config.raw])
    manifest = msgspec.json.encode(
        [{"Config": name, "RepoTags": [tag] if tag else [], "Layers": [_layer_name(each) for each in config.diff_ids]}]
    )
    yield from _member("manifest.json", len(manifest), [manifest])
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _layer_name(diff_id: str) -> str:
    return f"{diff_id.removeprefix('sha256:')}/layer.tar"


def _member(name: str, size: int, chunks: "Iterator[bytes] | Sequence[bytes]") -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.PAX_FORMAT)
    yield from chunks
    if rest := size % tarfile.BLOCKSIZE:
        yield b"\0" * (tarfile.BLOCKSIZE - rest)
