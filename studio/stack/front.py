"""The front before all services, as a program: it outlives the studio, as the services do."""

from pathlib import Path

import msgspec
from django.conf import settings

from scoring.front_contract import FrontSettings
from studio.core.atomic_files import write_atomically
from studio.core.secrets import read_or_create_secret


def write_settings(studio_url: str) -> Path | None:
    """The settings file that the front starts from; None where there is to be no front."""
    chosen = settings.FRONT
    if not chosen["enabled"]:
        return None
    folder: Path = settings.FRONT_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    given = {name: value for name, value in chosen.items() if name not in {"enabled", "url"}}
    contents = FrontSettings(
        routing=str(folder / "routing.json"),
        folder=str(folder),
        report_url=f"{studio_url.rstrip('/')}/api/v1/front/report",
        report_token=read_or_create_secret(folder / "report.key"),
        **given,
    )
    path = folder / "settings.json"
    write_atomically(path, msgspec.json.encode(contents))
    return path
