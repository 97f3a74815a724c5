"""The `docker` command, where this machine has one that offers BuildKit; else the classic builder does the work."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from deployments.engines import EngineAddress
from studio.core.errors import Conflict

SECONDS = 10
_NOISE = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
_UNINTERESTING = re.compile(r"^(?:sha256:|transferring |exporting |writing image|naming to|CACHED$|DONE |extracting )")


def buildkit_command() -> str | None:
    """Path of the command, as SLIPWAY_BUILDER allows. Raises `Conflict` where it asks for one and none is there."""
    wanted = settings.SLIPWAY["BUILDER"]
    found = None if wanted == "classic" else _command()
    if wanted == "buildkit" and found is None:
        raise Conflict(
            "SLIPWAY_BUILDER asks for BuildKit, and no docker command of this machine offers it.",
            hint="Install Docker's command with its buildx plugin beside the studio, or set SLIPWAY_BUILDER=auto.",
            code="builder_missing",
        )
    return found


@cache
def _command() -> str | None:
    return next((path for path in _candidates() if _offers_secrets(path)), None)


def _candidates() -> Iterator[str]:
    """Every `docker` of the search path: the first one may lack its plugin."""
    seen = set()
    for folder in os.get_exec_path():
        if (path := shutil.which("docker", path=folder)) and os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            yield path


def _offers_secrets(path: str) -> bool:
    """Only a client with BuildKit knows secrets."""
    variables = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "DOCKER_BUILDKIT": "1"}
    try:
        told = subprocess.run(
            [path, "build", "--help"], capture_output=True, text=True, timeout=SECONDS, check=False, env=variables
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "--secret" in told.stdout


@contextmanager
def command_variables(address: EngineAddress) -> Iterator[dict[str, str]]:
    """The environment of the command: the engine's address, and files for its TLS while the block runs. It sees no
    logins of this machine's users: base images are pulled before."""
    with TemporaryDirectory(prefix="slipway-docker-") as name:
        folder = Path(name)
        variables = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),  # for SSH, and the plugins of the command
            "DOCKER_CONFIG": str(folder),
            "DOCKER_HOST": address.base_url.replace("https://", "tcp://"),
            "DOCKER_BUILDKIT": "1",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }
        if address.uses_tls:
            for file, text in (("ca.pem", address.ca), ("cert.pem", address.certificate), ("key.pem", address.key)):
                if text:
                    (folder / file).write_text(text)
            variables |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
        _offer_plugins(folder)
        yield variables


def _offer_plugins(folder: Path) -> None:
    plugins = Path.home() / ".docker" / "cli-plugins"
    if plugins.is_dir():
        (folder / "cli-plugins").symlink_to(plugins)


def clean_line(line: str) -> str:
    """A line of BuildKit's plain progress without its numbers; empty for one that tells nothing."""
    text = _NOISE.sub("", line)
    return "" if _UNINTERESTING.match(text) else text
