"""What builds of images need to reach a package index: where it is, and secrets that stay out of every layer."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from deployments.builds.images.dockerfile import CA, NETRC, TOOL_CONFIG
from registry.environments.installation import sources as installer_sources
from registry.environments.uv import Sources

# What the installer is told by variables of the studio, as keys of its configuration file.
_TEXTS = {"UV_DEFAULT_INDEX": "index-url", "UV_INDEX_URL": "index-url", "UV_INDEX_STRATEGY": "index-strategy"}
_LISTS = {"UV_EXTRA_INDEX_URL": "extra-index-url", "UV_INDEX": "extra-index-url"}


@dataclass(frozen=True)
class BuildSources:
    """`packages`: as for installations on this machine. `secrets`: files that only the running installer sees."""

    packages: Sources
    secrets: dict[str, Path]


def build_sources(folder: Path) -> BuildSources:
    """By the settings; what has to be written for it goes to `folder`."""
    found: dict[str, Path] = {}
    if (bundle := settings.SLIPWAY["CA_BUNDLE"]) and Path(bundle).is_file():
        found[CA] = Path(bundle)
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if netrc.is_file():
        found[NETRC] = netrc
    if text := _tool_config():
        found[TOOL_CONFIG] = folder / TOOL_CONFIG
        found[TOOL_CONFIG].touch(mode=0o600)
        found[TOOL_CONFIG].write_text(text)
    return BuildSources(installer_sources(), found)


def _tool_config() -> str:
    """The installer's configuration; empty for the public index."""
    lines = [f"{key} = {_quoted(os.environ[name])}" for name, key in _TEXTS.items() if os.environ.get(name)]
    for name, key in _LISTS.items():
        if urls := os.environ.get(name, "").split():
            lines.append(f"{key} = [{', '.join(map(_quoted, urls))}]")
    if lines:
        return "\n".join([*dict.fromkeys(lines), ""])
    configured = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv" / TOOL_CONFIG
    return configured.read_text() if configured.is_file() else ""


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
