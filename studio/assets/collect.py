"""Gather the static files once for each change of them: copied, named by their hash, compressed."""

import hashlib
import shutil
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP = "sources.sha256"
# What no page links: source maps, the second API viewer, files of packages whose pages are switched off.
IGNORED = ["*.map", "*.LICENSE.txt", "redoc", "swagger-ui-es-*", "rest_framework", "django_htmx", "xregexp"]


def collect_if_changed() -> bool:
    """Bring STATIC_ROOT up to date; True when there was something to do. A crash in between is made good next time."""
    root, stamp = Path(settings.STATIC_ROOT), _stamp()
    written = root / STAMP
    if written.exists() and written.read_text() == stamp:
        return False
    written.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=IGNORED)
    written.write_text(stamp)
    return True


def _stamp() -> str:
    """A digest over name, size and time of every source."""
    seen = hashlib.sha256(django.__version__.encode())
    for finder in get_finders():
        for path, storage in finder.list(IGNORED):
            facts = Path(storage.path(path)).stat()
            seen.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return seen.hexdigest()
