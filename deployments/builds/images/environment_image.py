"""The image of an environment: its packages upon its base. Made once per recipe and engine; what comes on top of it is
written by ourselves (`service_image.py`)."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uv
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from deployments.builds.images.builders import BuildRequest, Run, build_image
from deployments.builds.images.docker_command import buildkit_command
from deployments.builds.images.dockerfile import LOCK, UV, WHEELS, Packages, environment_dockerfile
from deployments.builds.images.failures import build_failure
from deployments.builds.images.following import follow
from deployments.builds.images.recipe import EnvironmentRecipe
from deployments.builds.images.sources import BuildSources, build_sources
from deployments.builds.images.wheels import fetch_wheels, torch_build
from deployments.engines import EngineAddress, client_of
from registry.environments.uv import Outcome, Sources

STAGE = "slipway.stage"
LET_GO_SECONDS, LET_GO_PAUSE = 5.0, 0.3
Logins = Callable[[str], Mapping[str, str] | None]  # reference of an image → user name and password of its registry


def no_logins(_reference: str) -> None:
    """Every registry is asked without a password."""


@dataclass(frozen=True)
class EnvironmentBuild:
    """`requirements` are those of the definition, which errors name; `wheels` are private ones, by file name."""

    recipe: EnvironmentRecipe
    requirements: Sequence[str] = ()
    wheels: Mapping[str, Path] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    logins: Logins = no_logins

    @property
    def tag(self) -> str:
        return f"slipway/environment:{self.recipe.key[:32]}"


def environment_image(address: EngineAddress, build: EnvironmentBuild, run: Run) -> dict[str, Any]:
    """What the engine says of the image; it is made unless it is there. Raises `SlipwayError` and `EngineProblem`."""
    found = inspect(address, build.tag)
    if found is not None:
        run.log.write(f"The environment's image is there already: {build.tag}\n")
        return found
    command = buildkit_command()
    run.log.write(f"Building the environment's image with {'BuildKit' if command else 'the classic builder'}.\n")
    base = _base(address, command, build, run)
    sources = build_sources(run.folder)
    request = _request(build, base, sources, run, fetched=_is_fetched(command, build, sources))
    try:
        outcome = build_image(address, command, request, run)
    finally:
        _remove_stage(address, build)
    _check(outcome, build, base, sources.packages)
    return _must_find(address, build.tag)


def inspect(address: EngineAddress, reference: str) -> dict[str, Any] | None:
    """What the engine says of an image; None when it has none of that name."""
    try:
        return dict(client_of(address).inspect_image(reference))
    except ImageNotFound:
        return None


def _must_find(address: EngineAddress, reference: str) -> dict[str, Any]:
    return dict(client_of(address).inspect_image(reference))


def _is_fetched(command: str | None, build: EnvironmentBuild, sources: BuildSources) -> bool:
    """Whether the studio fetches the packages: where the build may not reach an index, or cannot keep a secret."""
    packages = sources.packages
    return command is None or bool(build.wheels) or packages.offline or bool(packages.wheels)


def _with_private(packages: Sources, build: EnvironmentBuild) -> Sources:
    """Private wheels are looked for where they lie; their hashes tell them apart from others of the same name."""
    folders = {str(path.parent) for path in build.wheels.values()}
    return replace(packages, private=folders.pop()) if folders else packages


def _request(build: EnvironmentBuild, base: str, sources: BuildSources, run: Run, *, fetched: bool) -> BuildRequest:
    files: dict[str, Path | bytes] = {LOCK: build.recipe.lock.encode(), UV: Path(uv.find_uv_bin())}
    if fetched:
        run.log.write("Fetching the packages to the studio.\n")
        wheels = fetch_wheels(
            build.recipe.lock,
            build.recipe.python_version,
            run.folder / WHEELS,
            sources=_with_private(sources.packages, build),
            log=run.log,
            limits=run.limits,
        )
        files |= {f"{WHEELS}/{name}": path for name, path in (wheels | dict(build.wheels)).items()}
        files[f"{WHEELS}/.folder"] = b""  # there also when nothing is to be installed
    secrets = {} if fetched else sources.secrets
    packages = Packages(fetched, tuple(sorted(secrets)), torch_build(build.recipe.lock))
    labels = dict(build.labels) | {STAGE: build.recipe.key}
    return BuildRequest(
        environment_dockerfile(build.recipe, packages, base=base, labels=labels),
        tag=build.tag,
        files=files,
        secrets=secrets,
        network="none" if fetched and not build.recipe.steps else "default",
        labels=build.labels,
    )


def _base(address: EngineAddress, command: str | None, build: EnvironmentBuild, run: Run) -> str:
    """The name of the image below: there, pulled, or built from the environment's own Dockerfile."""
    recipe = build.recipe
    if recipe.dockerfile:
        digest = hashlib.sha256(recipe.dockerfile.encode()).hexdigest()
        request = BuildRequest(recipe.dockerfile, f"slipway/base:{digest[:32]}", labels=build.labels)
        if inspect(address, request.tag) is None:
            run.log.write("Building the base image from the environment's Dockerfile.\n")
            outcome = build_image(address, command, request, run)
            _check(outcome, build, request.tag, Sources())
        return request.tag
    if inspect(address, recipe.base) is None:
        run.log.write(f"Pulling the base image {recipe.base}.\n")
        _check(pull(address, recipe.base, build.logins, run), build, recipe.base, Sources())
    return recipe.base


def pull(address: EngineAddress, reference: str, logins: Logins, run: Run) -> Outcome:
    """Have the engine fetch an image."""
    repository, tag = parse_repository_tag(reference)
    login = logins(reference)
    return follow(
        address,
        lambda client: client.pull(
            repository, tag or "latest", stream=True, decode=True, auth_config=dict(login) if login else {}
        ),
        run.log,
        run.limits,
    )


def _check(outcome: Outcome, build: EnvironmentBuild, base: str, packages: Sources) -> None:
    if not outcome.ok:
        raise build_failure(outcome, base=base, requirements=build.requirements, sources=packages)


def _remove_stage(address: EngineAddress, build: EnvironmentBuild) -> None:
    """What the classic builder leaves of the first stage and of a build that failed. The engine needs a moment to let
    go of a step that was cancelled."""
    client, until = client_of(address), time.monotonic() + LET_GO_SECONDS
    wanted = {"dangling": True, "label": f"{STAGE}={build.recipe.key}"}
    while left := client.images(filters=wanted):
        for image in left:
            with suppress(APIError):
                client.remove_image(image["Id"])
        if time.monotonic() > until:
            return
        time.sleep(LET_GO_PAUSE if client.images(filters=wanted) else 0)
