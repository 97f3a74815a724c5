"""Reads the settings file."""

from pathlib import Path

import msgspec

from scoring.front_contract import FrontSettings


def read_settings(path: Path) -> FrontSettings:
    """The settings. SystemExit with a sentence where they cannot be read or do not fit together."""
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=FrontSettings)
    except OSError as error:
        raise SystemExit(f"The settings of the front cannot be read: {error}") from error
    except msgspec.DecodeError as error:
        raise SystemExit(f"{path} is no settings file of the front: {error}") from error
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise SystemExit(f"{path}: certificate and certificate_key belong together.")
    if settings.redirect_port is not None and not (settings.certificate or settings.self_signed):
        raise SystemExit(f"{path}: redirect_port sends to https, which needs a certificate or self_signed.")
    return settings
