"""A Dockerfile built on an engine: with BuildKit where the docker command offers it, else with the classic builder."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.builds.images.docker_command import clean_line, command_variables
from deployments.builds.images.following import Event, follow
from deployments.builds.images.layers import Layer
from deployments.builds.images.programs import run_program
from deployments.engines import EngineAddress, EngineClient
from registry.environments.uv import Limits, Outcome
from studio.core.tee import Log


@dataclass(frozen=True)
class BuildRequest:
    """`files` are the build's context: name → a file of this machine, or its content. `secrets`, by name, are files
    that the Dockerfile may read while it runs; only BuildKit takes them. `network`: "default" or "none"."""

    dockerfile: str
    tag: str
    files: Mapping[str, Path | bytes] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    network: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Path | bytes]:
        return {**self.files, "Dockerfile": self.dockerfile.encode()}


@dataclass(frozen=True)
class Run:
    """Where messages go, when to give up, and a folder for files of the build's own."""

    log: Log
    limits: Limits
    folder: Path


def build_image(address: EngineAddress, command: str | None, request: BuildRequest, run: Run) -> Outcome:
    """Build `request.tag`; `command` is that of `buildkit_command`. A build that ends without success leaves no image
    of that name. Raises `EngineProblem`."""
    if command:
        return _with_buildkit(address, command, request, run)
    return _with_classic_builder(address, request, run)


def _with_buildkit(address: EngineAddress, command: str, request: BuildRequest, run: Run) -> Outcome:
    context = run.folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    for name, source in request.context.items():
        _place(context / name, source)
    arguments = [command, "build", "--progress=plain", "--tag", request.tag, "--network", request.network]
    for name, value in request.labels.items():
        arguments += ["--label", f"{name}={value}"]
    for name, path in request.secrets.items():
        arguments += ["--secret", f"id={name},src={path}"]
    with command_variables(address) as variables:
        return run_program(
            [*arguments, str(context)],
            folder=run.folder,
            variables=variables,
            log=run.log,
            limits=run.limits,
            clean=clean_line,
        )


def _place(path: Path, source: Path | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, bytes):
        path.write_bytes(source)
        return
    try:
        os.link(source, path)
    except OSError:  # another file system
        shutil.copy(source, path)


def _with_classic_builder(address: EngineAddress, request: BuildRequest, run: Run) -> Outcome:
    def start(client: EngineClient) -> Iterable[Event]:
        return client.build(  # type: ignore[no-any-return]
            fileobj=Layer("", request.context).chunks(),
            custom_context=True,
            tag=request.tag,
            labels=dict(request.labels),
            network_mode=request.network,
            forcerm=True,
            decode=True,
        )

    return follow(address, start, run.log, run.limits)
