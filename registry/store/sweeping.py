"""Remove what nobody needs any more: unused artifacts, files without a row, forgotten drafts and uploads.

Everything here may run beside `artifacts.store`. The artifact's row is the lock: whoever stores the same
bytes touches or adds the row before looking for the file, so it either keeps the sweep away or waits for it.
"""

import contextlib
import shutil
import time
from datetime import timedelta
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from registry.models import Artifact, Upload
from registry.store import uploads
from registry.store.artifacts import INSPECTED, incoming, is_local, name_of, store_of_files

GRACE = timedelta(hours=24)  # unused bytes are kept that long: somebody may be about to register them
SHARDS = 256  # folders of a local store
PERIOD = 600  # seconds between two sweeps; one folder is looked through each time


def sweep() -> None:
    """One round of everything."""
    sweep_uploads()
    sweep_artifacts()
    sweep_drafts()
    sweep_orphans()


def unused(older_than: timedelta = GRACE) -> QuerySet[Artifact]:
    """Artifacts that no row of any app points to, and that nobody has stored for a while."""
    rows = Artifact.objects.filter(touched_at__lt=timezone.now() - older_than)
    for relation in Artifact._meta.related_objects:
        users = relation.related_model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
        rows = rows.filter(~Exists(users))
    return rows


def sweep_artifacts(older_than: timedelta = GRACE, limit: int = 1000) -> int:
    """Remove unused artifacts; how many went. The row goes first, the file before the commit."""
    gone = 0
    for digest in list(unused(older_than).values_list("digest", flat=True)[:limit]):
        with transaction.atomic():
            doomed = unused(older_than).filter(pk=digest)
            # One conditional DELETE: QuerySet.delete() would read first and forget the conditions.
            if doomed._raw_delete(doomed.db):
                store_of_files().delete(name_of(digest))
                gone += 1
    return gone


def sweep_drafts(older_than: timedelta = GRACE) -> int:
    """Remove what processes that died while storing or inspecting left; how many drafts."""
    oldest = _oldest(older_than)
    for folder in incoming().glob(f"{INSPECTED}*"):  # of inspections whose worker died
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)
    return sum(_remove_old(draft, older_than) for draft in incoming().glob("*.draft"))


def sweep_orphans(shard: int | None = None, older_than: timedelta = GRACE) -> int:
    """Remove files of one folder of a local store that have no row, left by a crash before the commit."""
    storage = store_of_files()
    if not is_local(storage):
        return 0
    shard = int(time.time()) // PERIOD % SHARDS if shard is None else shard
    files = {file.name: file for file in Path(storage.path(f"{shard:02x}")).glob("*")}
    known = set(Artifact.objects.filter(digest__in=files).values_list("digest", flat=True))
    return sum(_remove_orphan(file, older_than) for name, file in files.items() if name not in known)


def sweep_uploads(older_than: timedelta = GRACE, limit: int = 1000) -> int:
    """Give up uploads that nobody has touched for a while; how many. Parts whose upload is gone go too."""
    stale = list(Upload.objects.filter(touched_at__lt=timezone.now() - older_than)[:limit])
    for upload in stale:
        uploads.abandon(upload)
    for part in incoming().glob("*.part"):
        if not Upload.objects.filter(pk=part.stem).exists():
            _remove_old(part, older_than)
    return len(stale)


def _remove_orphan(file: Path, older_than: timedelta) -> int:
    """Hold the digest by adding its row for a moment; if that fails, somebody has just stored it."""
    try:
        with transaction.atomic():
            row = Artifact.objects.create(digest=file.name[:64], size=0)
            removed = _remove_old(file, older_than)
            row.delete()
            return removed
    except IntegrityError:
        return 0


def _remove_old(file: Path, older_than: timedelta) -> int:
    oldest = _oldest(older_than)
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_mtime < oldest:
            file.unlink()
            return 1
    return 0


def _oldest(older_than: timedelta) -> float:
    """The modification time (epoch seconds) before which a file is old."""
    return (timezone.now() - older_than).timestamp()
