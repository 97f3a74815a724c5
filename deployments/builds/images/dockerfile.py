"""The Dockerfile of an environment's image. Pure.

Two stages: the first has the installer and the packages' files, of which only the finished environment goes on to the
second. Commands are in exec form, so that a base needs no shell. The model comes later, as a layer of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.builds.images.inside import ENVIRONMENT, PYTHON
from deployments.builds.images.recipe import EnvironmentRecipe

WORK = "/slipway"  # in the build stage
LOCK, WHEELS, UV, TOOL_CONFIG = "requirements.lock", "wheels", "uv", "uv.toml"
CA, NETRC = "ca.pem", "netrc"


@dataclass(frozen=True)
class Packages:
    """Where the packages come from: files in the context (`fetched`), else the index, which takes BuildKit. `secrets`
    are the names of those that the index needs: `CA`, `NETRC` and `TOOL_CONFIG`;
    `torch_build`: which of PyTorch's own indexes is asked, too, such as cpu."""

    fetched: bool
    secrets: tuple[str, ...] = ()
    torch_build: str = ""


def environment_dockerfile(recipe: EnvironmentRecipe, packages: Packages, *, base: str, labels: dict[str, str]) -> str:
    """`base` is what to build upon: a name that the engine knows."""
    stamp = " ".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
    lines = [
        f"FROM {base} AS base",
        f"LABEL {stamp}",  # first, so that what a failed build leaves can be found
        *recipe.steps,
        "",
        "FROM base AS build",
        "USER 0:0",
        f"WORKDIR {WORK}",
        f"COPY {UV} {LOCK} ./",
        *([f"COPY {WHEELS} ./{WHEELS}"] if packages.fetched else []),
        *_variables(packages),
        f"RUN {_command('venv', '--python', recipe.python_version or 'python3', ENVIRONMENT)}",
        f"RUN {_mounts(packages)}{_command(*_sync(packages))}",
        "",
        "FROM base",
        f"COPY --from=build {ENVIRONMENT} {ENVIRONMENT}",
    ]
    return "\n".join([*lines, ""])


def _sync(packages: Packages) -> Sequence[str]:
    options = ["pip", "sync", "--require-hashes", "--link-mode", "copy", "--compile-bytecode", "--python", PYTHON]
    if packages.fetched:
        options += ["--no-cache", "--no-index", "--find-links", f"{WORK}/{WHEELS}"]
    elif packages.torch_build:
        options += ["--torch-backend", packages.torch_build]
    if TOOL_CONFIG in packages.secrets:
        options += ["--config-file", f"{WORK}/{TOOL_CONFIG}"]
    return [*options, f"{WORK}/{LOCK}"]


def _command(*arguments: str) -> str:
    return json.dumps([f"{WORK}/{UV}", *arguments, "--no-python-downloads", "--color", "never", "--no-progress"])


def _variables(packages: Packages) -> list[str]:
    found = {"UV_CACHE_DIR": f"{WORK}/cache"}
    if CA in packages.secrets:
        found["SSL_CERT_FILE"] = f"{WORK}/{CA}"
    if NETRC in packages.secrets:
        found["NETRC"] = f"{WORK}/{NETRC}"
    return [] if packages.fetched else [f"ENV {name}={value}" for name, value in found.items()]


def _mounts(packages: Packages) -> str:
    """The installer's cache outlives the build; secrets are there while the command runs, and in no layer."""
    if packages.fetched:
        return ""
    secrets = (f"--mount=type=secret,id={name},target={WORK}/{name} " for name in packages.secrets)
    return f"--mount=type=cache,id=slipway-packages,target={WORK}/cache {''.join(secrets)}"
