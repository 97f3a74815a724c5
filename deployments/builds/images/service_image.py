"""The image of a revision: upon the environment's image, the scoring library, each model and the source as own layers.

A change of one model is one new layer; what the engine has already is not sent again.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deployments.builds.images.archive import image_archive
from deployments.builds.images.builders import Run
from deployments.builds.images.environment_image import inspect
from deployments.builds.images.failures import build_failure
from deployments.builds.images.following import follow
from deployments.builds.images.image_config import Base, ImageConfig, image_config
from deployments.builds.images.inside import BUNDLE, LIBRARY
from deployments.builds.images.layers import Layer, files_below
from deployments.builds.images.saved_layers import saved_layers
from deployments.engines import EngineAddress
from registry.environments.uv import Limits, Outcome, Sources
from scoring.contract import Bundle


@dataclass(frozen=True)
class ImageContent:
    """Folders of this machine: a copy of the scoring package, and the bundle that `bundle` describes. `extra`: further
    files of an image, by their path in it."""

    library: Path
    bundle_folder: Path
    bundle: Bundle
    extra: Mapping[str, bytes]

    def layers(self) -> list[Layer]:
        """What changes least comes first."""
        root, models = BUNDLE.lstrip("/"), [PurePosixPath(model.path) for model in self.bundle.models]
        found = [Layer("scoring library", files_below(self.library, LIBRARY.lstrip("/")))]
        for model, path in zip(self.bundle.models, models, strict=True):
            files = files_below(self.bundle_folder / path, f"{root}/{path}")
            found.append(Layer(f"model {model.name}:{model.version}", files))

        def is_source(path: PurePosixPath) -> bool:
            return not any(path.is_relative_to(model) for model in models)

        rest: dict[str, Path | bytes | None] = {f"{root}/models": None}
        rest |= files_below(self.bundle_folder, root, wanted=is_source)
        rest |= {name.lstrip("/"): content for name, content in self.extra.items()}
        return [*found, Layer("bundle", rest)]


@dataclass(frozen=True)
class LoadedImage:
    """`inspected` is what the engine says of it."""

    config: ImageConfig
    inspected: Mapping[str, Any]


def service_image(
    address: EngineAddress,
    environment: Mapping[str, Any],
    content: ImageContent,
    run: Run,
    *,
    tag: str,
    settings: Mapping[str, Any],
    known: Iterable[str] = (),
) -> LoadedImage:
    """Put the image into the engine; `environment` is what the engine says of the image below, `settings` are its
    config, `known` layers that it should have. Raises `SlipwayError` and `EngineProblem`."""
    layers = content.layers()
    config = image_config(Base.of(environment), layers, settings)
    outcome = _load(address, config, layers, run, tag=tag, known=set(known))
    found = inspect(address, config.image_id) if outcome.ok else None
    if found is None and not outcome.ended:
        run.log.write("The engine asks for every layer; sending the image as a whole.\n")
        below = saved_layers(address, str(environment["Id"]), config.diff_ids, run)
        outcome = _load(address, config, [*below, *layers], run, tag=tag, known=set())
        found = inspect(address, config.image_id) if outcome.ok else None
    if found is None:
        raise build_failure(outcome, base=tag, requirements=(), sources=Sources())
    sizes = ", ".join(f"{layer.title} {layer.size / 1e6:.1f} MB" for layer in layers)
    run.log.write(f"The image {tag} holds: {sizes}.\n")
    return LoadedImage(config, found)


def _load(
    address: EngineAddress, config: ImageConfig, layers: list[Any], run: Run, *, tag: str, known: set[str]
) -> Outcome:
    archive = image_archive(config, layers, tag=tag, known=known)
    return follow(address, lambda client: client.load_image(_until(archive, run.limits)), run.log, run.limits)


def _until(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """The chunks in larger portions, until the build is cancelled: the engine then throws away what it has got."""
    while some := list(itertools.islice(chunks, 16)):
        if limits.cancelled():
            raise ConnectionAbortedError("cancelled")
        yield b"".join(some)
