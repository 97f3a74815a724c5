"""Read what lies in the store again and compare it with its digest: bytes that rot are found before they are deployed.

A pass reads a bounded number of bytes, beginning with the artifacts that were read the longest ago. Only a local
store is scrubbed: object storage checks what it keeps, and every byte read of it would be a transfer.
"""

import errno
import hashlib
import logging
import os
import uuid
from contextlib import suppress
from datetime import timedelta
from io import BufferedReader
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from registry.errors import FileDamaged, FileLost
from registry.models import Artifact, Scrub
from registry.store import damage
from registry.store.artifacts import is_local, local_path, store_of_files
from registry.store.materialise import clone
from studio.core.enqueue import create_job
from studio.core.job_heartbeat import Heartbeat
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

EVERY = timedelta(days=7)  # between two reads of an artifact
MOST = 2000  # artifacts of one pass
IN_ONE_UPDATE = 200
KEPT_FOR = timedelta(days=7)  # rows of passes that have ended


def request_scrub() -> None:
    """Have a worker do a pass, if there is anything to read and no pass waits or runs."""
    if due().exists() and not Scrub.objects.unfinished().exists():
        create_job(Scrub)


def due() -> QuerySet[Artifact]:
    """Artifacts that nobody has read for a while, the longest first."""
    if not is_local(store_of_files()):
        return Artifact.objects.none()
    return Artifact.objects.filter(checked_at__lt=timezone.now() - EVERY).order_by("checked_at")


def run(scrub: Scrub, heartbeat: Heartbeat) -> None:
    """One pass. Safe to repeat, and to kill at any line."""
    whole: list[str] = []
    count = size = damaged = 0
    for artifact in due()[:MOST]:
        if size >= settings.SLIPWAY["SCRUB_BYTES"]:
            break
        heartbeat.check()
        count, size = count + 1, size + artifact.size
        if _check(artifact):
            whole.append(artifact.pk)
        else:
            damaged += 1
        if len(whole) >= IN_ONE_UPDATE:
            _note_checked(whole)
    _note_checked(whole)
    if scrub.end(JobState.SUCCEEDED, count=count, size=size, damaged=damaged):
        Scrub.objects.filter(finished_at__lt=timezone.now() - KEPT_FOR).delete()


def _note_checked(digests: list[str]) -> None:
    Artifact.objects.filter(pk__in=digests).update(checked_at=timezone.now())
    digests.clear()


def _check(artifact: Artifact) -> bool:
    """Whether its bytes are those of its digest. What they are is noted."""
    path = local_path(artifact.digest)
    assert path is not None  # noqa: S101 - `due` has looked
    fault = _fault_of(path, artifact.digest)
    if fault is None:
        damage.note_whole(artifact)
        return True
    log.error("artifact %s: %s", artifact.digest, fault(artifact.digest[:12]).message)
    damage.note_damaged(artifact, fault)
    return False


def _fault_of(path: Path, digest: str) -> type[FileDamaged] | None:
    try:
        with path.open("rb") as stored:
            if _hash(stored) == digest:
                _be_the_only_name(path, stored, digest)
                return None
            was_replaced = os.fstat(stored.fileno()).st_ino != path.stat().st_ino
            return None if was_replaced else FileDamaged
    except FileNotFoundError:
        return FileLost
    except OSError as reason:
        if reason.errno != errno.EIO:
            raise
        return FileDamaged  # a bad block of the disk


def _hash(stored: BufferedReader) -> str:
    """Without leaving in memory what nobody is going to read: services have copies of their own."""
    digest = hashlib.file_digest(stored, "sha256").hexdigest()
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(stored.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest


def _be_the_only_name(path: Path, stored: BufferedReader, digest: str) -> None:
    """Bundles of earlier releases are hard links to the store: it gets a file of its own, and they keep theirs."""
    if os.fstat(stored.fileno()).st_nlink == 1:
        return
    fresh = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    stored.seek(0)
    try:
        with fresh.open("xb") as copy:
            is_same = clone(stored, copy) == digest
            os.fchmod(copy.fileno(), 0o440)
            os.fsync(copy.fileno())
        if is_same:
            fresh.replace(path)
    except OSError as reason:  # a full disk: the next pass tries again
        log.warning("%s keeps its second name for now: %s", path, reason)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
