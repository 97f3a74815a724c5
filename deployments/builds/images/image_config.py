"""The config of an image, as the engine and the image formats know it. Pure: equal values give equal bytes, and the
digest of these bytes is the image's id."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec


class AnyLayer(Protocol):
    """What an image is made of: see `layers.py`."""

    @property
    def title(self) -> str: ...

    @property
    def diff_id(self) -> str: ...


@dataclass(frozen=True)
class Base:
    """What is known of the image below: its layers, bottom first, and what it says of itself."""

    created: str  # RFC 3339
    architecture: str = "amd64"
    system: str = "linux"
    variant: str = ""
    diff_ids: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)  # Env, User, Entrypoint and the like

    @staticmethod
    def of(inspected: Mapping[str, Any]) -> "Base":
        """What an engine says of an image."""
        return Base(
            created=str(inspected.get("Created", ""))[:19] + "Z",
            architecture=inspected["Architecture"],
            system=inspected["Os"],
            variant=inspected.get("Variant", ""),
            diff_ids=tuple(inspected["RootFS"].get("Layers") or ()),
            config=inspected.get("Config") or {},
        )


@dataclass(frozen=True)
class ImageConfig:
    """`raw` is the document, `diff_ids` the layers of the whole image, those of the base first."""

    raw: bytes
    diff_ids: tuple[str, ...]

    @property
    def image_id(self) -> str:
        return f"sha256:{hashlib.sha256(self.raw).hexdigest()}"


def image_config(base: Base, layers: Sequence[AnyLayer], settings: Mapping[str, Any]) -> ImageConfig:
    """An image of `layers` upon `base`. `settings` replace those of the base's config, except that variables and labels
    are added to. Its time is the base's, so that nothing in it depends on when it was put together."""
    diff_ids = (*base.diff_ids, *(layer.diff_id for layer in layers))
    document = {
        "architecture": base.architecture,
        "os": base.system,
        **({"variant": base.variant} if base.variant else {}),
        "created": base.created,
        "config": _merged(base.config, settings),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [
            *({"created": base.created, "created_by": "base image"} for _ in base.diff_ids),
            *({"created": base.created, "created_by": layer.title} for layer in layers),
        ],
    }
    return ImageConfig(msgspec.json.encode(document, order="deterministic"), diff_ids)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in below.items() if value and name in ("Env", "Labels", "WorkingDir")}
    merged = kept | dict(above)
    merged["Env"] = _variables([*(below.get("Env") or []), *above.get("Env", [])])
    merged["Labels"] = (below.get("Labels") or {}) | above.get("Labels", {})
    return {name: value for name, value in merged.items() if value}


def _variables(listed: Sequence[str]) -> list[str]:
    """`NAME=value` once a name: the last one counts."""
    values = dict(each.partition("=")[::2] for each in listed)
    return [f"{name}={value}" for name, value in sorted(values.items())]
