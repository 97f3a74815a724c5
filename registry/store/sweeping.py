"""What nobody needs any more of uploads and artifacts, and how each of it is removed: unused artifacts, stale uploads,
files without a row, forgotten drafts. The collection (deployments.collection) calls it.

Everything here may run beside `artifacts.store`. The artifact's row is the lock: whoever stores the same
bytes touches or adds the row before looking for the file, so it either keeps the removal away or waits for it.
"""

import contextlib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from registry.models import Artifact, Upload
from registry.store.artifacts import INSPECTED, incoming, is_local, name_of, store_of_files
from registry.store.uploads import part_of

GRACE = timedelta(hours=24)  # unused bytes are kept that long: somebody may be about to register them
SHARDS = 256  # folders of a local store


def stale_uploads() -> QuerySet[Upload]:
    """Uploads that nobody has touched for a while."""
    return Upload.objects.filter(touched_at__lt=timezone.now() - GRACE)


def unused() -> QuerySet[Artifact]:
    """Artifacts that no row of any app points to, and that nobody has stored for a while."""
    rows = Artifact.objects.filter(touched_at__lt=timezone.now() - GRACE)
    for relation in Artifact._meta.related_objects:
        users = relation.related_model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
        rows = rows.filter(~Exists(users))
    return rows


def stray_files() -> Iterator[Path]:
    """What processes that died while storing or inspecting left: drafts, parts and files without a row, folders."""
    for path in incoming().iterdir():
        is_part = path.suffix == ".part"
        is_draft = path.suffix == ".draft" or path.name.startswith(INSPECTED)
        if _is_old(path) and (is_draft or (is_part and not Upload.objects.filter(pk=path.stem).exists())):
            yield path
    yield from _orphans()


def remove_upload(pk: str) -> bool:
    """Give up an upload, unless somebody has touched it meanwhile."""
    upload = stale_uploads().filter(pk=pk).first()
    if upload is None or not stale_uploads().filter(pk=pk).delete()[0]:
        return False
    part_of(upload).unlink(missing_ok=True)
    return True


def remove_artifact(digest: str) -> bool:
    """Remove an artifact, unless it is used meanwhile. The row goes first, the file before the commit."""
    with transaction.atomic():
        doomed = unused().filter(pk=digest)
        # One conditional DELETE: QuerySet.delete() would read first and forget the conditions.
        if not doomed._raw_delete(doomed.db):
            return False
        store_of_files().delete(name_of(digest))
    return True


def remove_stray(path: Path) -> bool:
    """Remove what `stray_files` gave, unless somebody has stored the same meanwhile."""
    if not _is_old(path):
        return False
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()
    return _remove_old(path) if path.parent == incoming() else _remove_orphan(path)


def _orphans() -> Iterator[Path]:
    """Files of a local store that have no row, left by a crash before the commit."""
    storage = store_of_files()
    if not is_local(storage):
        return
    for shard in range(SHARDS):
        files = {file.name: file for file in Path(storage.path(f"{shard:02x}")).glob("*") if _is_old(file)}
        known = set(Artifact.objects.filter(digest__in=files).values_list("digest", flat=True)) if files else set()
        yield from (file for name, file in files.items() if name not in known)


def _remove_orphan(file: Path) -> bool:
    """Hold the digest by adding its row for a moment; if that fails, somebody has just stored it."""
    try:
        with transaction.atomic():
            row = Artifact.objects.create(digest=file.name[:64], size=0)
            removed = _remove_old(file)
            row.delete()
            return removed
    except IntegrityError:
        return False


def _remove_old(file: Path) -> bool:
    if not _is_old(file):
        return False
    file.unlink(missing_ok=True)
    return True


def _is_old(path: Path) -> bool:
    """Whether it has not changed for a while; False if it has gone."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime < (timezone.now() - GRACE).timestamp()
    return False
