"""What this studio calls itself at engines that it may share with others."""

import os
import secrets
from functools import cache
from pathlib import Path

from django.conf import settings

NAME = "studio-id"


@cache
def studio_id() -> str:
    """Twelve hex digits, chosen once and kept in the data folder. They are in no backup: a studio that is restored
    beside the one it was taken of must not take over that one's containers."""
    return _kept(Path(settings.DATA_DIR) / NAME)


def _kept(path: Path) -> str:
    """Of two processes that choose at once, the first one's counts; a draft is whole before it has the name."""
    if not path.exists():
        draft = path.with_name(f".{NAME}.{os.getpid()}.draft")
        draft.write_text(secrets.token_hex(6))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text().strip()
