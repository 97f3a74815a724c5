"""Remove one stored thing, unless it has been used since it was chosen.

A row is marked first: from then on the thing counts as not built. Then the folder is renamed away, under the
lock that its builders take, and then the row goes. So a process killed at any line leaves something that the next
collection finishes, and that a build meanwhile makes again.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.db.models import Q, QuerySet
from django.utils import timezone

from deployments.builds import revision_images
from deployments.collection.plan import Kind, Stored
from deployments.models import BuiltBundle, BuiltImage
from deployments.recipe.build_paths import bundle_path, bundles_folder
from deployments.targets import scoring_library
from registry.environments.paths import environment_path, environments_folder
from registry.models import BuiltEnvironment
from registry.store import sweeping
from studio.core.atomic_folders import exclusive, set_aside


class Busy(Exception):
    """Another process is working on it."""


def remove(each: Stored) -> bool:
    """Whether it is gone. Raises OSError when something of it cannot be removed."""
    try:
        return _REMOVERS[each.kind](each)
    except Busy:
        return False


def _image(each: Stored) -> bool:
    """Containers that run from it keep it: then it stays until the next collection."""
    rows = BuiltImage.objects.filter(pk=each.key)
    row = rows.first()
    if row is None or not _is_free(rows, each):
        return False
    if not revision_images.remove_image(row):
        rows.update(removing_at=None)
        return False
    rows.delete()
    return True


def _bundle(each: Stored) -> bool:
    link = bundle_path(each.content or each.key)
    with _locked(link):
        rows = BuiltBundle.objects.filter(place=each.key)
        if not _is_free(rows, each):
            return False
        gone = set_aside(bundles_folder() / each.key)
        if link.is_symlink() and not link.exists():
            link.unlink()
        rows.delete()
    _discard(gone)
    return True


def _environment(each: Stored) -> bool:
    with _locked(environment_path(each.content or each.key)):
        rows = BuiltEnvironment.objects.filter(definition_hash=each.content or each.key)
        if not _is_free(rows.filter(built_at__isnull=False), each):
            return False
        gone = set_aside(environments_folder() / each.key)
        rows.update(built_at=None, removing_at=None, size_bytes=0)
    _discard(gone)
    return True


def _is_free(rows: "QuerySet[BuiltBundle] | QuerySet[BuiltEnvironment] | QuerySet[BuiltImage]", each: Stored) -> bool:
    """Mark the row unless it was used since; True also for what has none."""
    unused = Q(removing_at__isnull=False) | Q(last_used_at__lte=each.last_used)
    return bool(rows.filter(unused).update(removing_at=timezone.now())) or not rows.exists()


def _library(each: Stored) -> bool:
    copy = scoring_library.folder() / each.key
    with _locked(copy):
        if copy.exists() and datetime.fromtimestamp(copy.stat().st_mtime, UTC) > each.last_used:
            return False  # used since it was chosen
        gone = set_aside(copy)
    _discard(gone)
    return True


def _draft(each: Stored) -> bool:
    draft = Path(each.key)
    if draft.is_dir():
        _discard(draft)
        return True
    return sweeping.remove_stray(draft)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    def raise_busy() -> None:
        raise Busy

    with exclusive(place, waiting=raise_busy):
        yield


def _discard(folder: Path | None) -> None:
    if folder is not None and folder.exists():
        shutil.rmtree(folder)


_REMOVERS: dict[Kind, Callable[[Stored], bool]] = {
    Kind.IMAGE: _image,
    Kind.BUNDLE: _bundle,
    Kind.ENVIRONMENT: _environment,
    Kind.LIBRARY: _library,
    Kind.UPLOAD: lambda each: sweeping.remove_upload(each.key),
    Kind.ARTIFACT: lambda each: sweeping.remove_artifact(each.key),
    Kind.DRAFT: _draft,
}
