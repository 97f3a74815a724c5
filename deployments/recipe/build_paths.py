"""Where builds leave things, below the data folder. Pure: paths are computed, never made."""

from pathlib import Path

from django.conf import settings


def bundles_folder() -> Path:
    """Where all bundles of this machine lie."""
    return settings.DATA_DIR / "bundles"


def bundle_path(content_hash: str) -> Path:
    """The bundle of a content, whole if it exists; a link where a bundle of an earlier release holds the same."""
    return bundles_folder() / content_hash


def image_drafts_folder() -> Path:
    """Where builds of images keep files while they last."""
    return settings.DATA_DIR / "images"


def build_log_path(build_id: int) -> Path:
    """What a build printed."""
    return settings.DATA_DIR / "logs" / "builds" / f"{build_id}.log"
