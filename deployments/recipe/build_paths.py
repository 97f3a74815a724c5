"""Where builds leave things, below the data folder. Pure: paths are computed, never made."""

from pathlib import Path

from django.conf import settings


def bundle_path(recipe_hash: str) -> Path:
    """The bundle of a recipe; it is whole if it exists."""
    return settings.DATA_DIR / "bundles" / recipe_hash


def build_log_path(build_id: int) -> Path:
    """What a build printed."""
    return settings.DATA_DIR / "logs" / "builds" / f"{build_id}.log"
