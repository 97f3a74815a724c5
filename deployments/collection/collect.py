"""A collection from its row to its end: asked for by people or by the clock, run by a worker."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from deployments.causes import cause_of_error
from deployments.collection import stored
from deployments.collection.freed import FreedBytes
from deployments.collection.plan import Kind, RevisionFacts, Stored, in_use, kept_revisions, to_collect
from deployments.collection.remove import remove
from deployments.events import COLLECTION_COMPLETED
from deployments.models import BuiltBundle, BuiltImage, Collection
from registry.models import BuiltEnvironment
from studio.accounts.models import User, Workspace
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
KEPT_FOR = timedelta(days=90)  # rows of collections that have ended
SHOWN = 500  # items that a row lists
IN_ONE_QUERY = 500

Measured = list[tuple[Stored, int]]


def request_collection(actor: User | None, *, dry_run: bool) -> Collection:
    """A new collection that a worker does soon."""
    return create_job(Collection, dry_run=dry_run, requested_by=actor)


def collect_now(*, dry_run: bool) -> Collection:
    """A new collection, done in this process."""
    collection = Collection.objects.create(dry_run=dry_run, enqueued_at=timezone.now())  # no worker looks for it
    if collection.claim():
        with Heartbeat(collection) as heartbeat:
            run(collection, heartbeat)
    return collection


def collect_daily() -> None:
    """Start one, unless one was started within a day."""
    if not Collection.objects.filter(dry_run=False, created_at__gt=timezone.now() - EVERY).exists():
        request_collection(None, dry_run=False)


def run(collection: Collection, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line."""
    try:
        heartbeat.step("looking", 0.0)
        doomed = _measured(_removable(touch=not collection.dry_run), heartbeat)
        removed, problems = (doomed, []) if collection.dry_run else _remove(doomed, heartbeat)
    except LeaseLost:
        raise
    except Exception as error:
        log.exception("%s failed", collection)
        collection.end(JobState.FAILED, error=cause_of_error(error))
    else:
        _succeed(collection, removed, problems)


def _removable(*, touch: bool) -> list[Stored]:
    """What may go. With `touch`, rows in use say so: from now on they have been used a moment ago."""
    now = timezone.now()
    kept = kept_revisions(stored.revisions())
    if touch:
        _touch(kept)
    used = in_use(kept) | stored.used_images(kept) | stored.used_libraries()
    if touch:
        _touch_images(used)
    return to_collect(stored.everything(), used, now)


def _touch(kept: list[RevisionFacts]) -> None:
    used = {"last_used_at": timezone.now()}
    for some in _portions({revision.content_hash for revision in kept}):
        BuiltBundle.objects.filter(content_hash__in=some, removing_at=None).update(**used)
    for some in _portions({revision.environment for revision in kept}):
        BuiltEnvironment.objects.filter(definition_hash__in=some, removing_at=None).update(**used)


def _touch_images(used: set[tuple[Kind, str]]) -> None:
    for some in _portions({key for kind, key in used if kind == Kind.IMAGE}):
        BuiltImage.objects.filter(image_hash__in=some, removing_at=None).update(last_used_at=timezone.now())


def _portions(hashes: set[str]) -> Iterator[list[str]]:
    listed = sorted(hashes)
    for start in range(0, len(listed), IN_ONE_QUERY):
        yield listed[start : start + IN_ONE_QUERY]


def _measured(doomed: list[Stored], heartbeat: Heartbeat) -> Measured:
    freed, measured = FreedBytes(), []
    for each in doomed:
        heartbeat.note("measuring", 0.1)
        measured.append((each, freed.by_removing(each.path) if each.path else each.size))
    return measured


def _remove(doomed: Measured, heartbeat: Heartbeat) -> tuple[Measured, list[str]]:
    """What went, and what could not go."""
    removed: Measured = []
    problems: list[str] = []
    for done, (each, size) in enumerate(doomed):
        heartbeat.note("removing", 0.2 + 0.8 * done / len(doomed))
        try:
            if remove(each):
                removed.append((each, size))
        except OSError as error:
            problems.append(f"{each.kind} {each.label}: {error}")
    return removed, problems


def _succeed(collection: Collection, removed: Measured, problems: list[str]) -> None:
    freed = sum(size for _, size in removed)
    facts = {
        "items": [_shown(each, size) for each, size in removed[:SHOWN]],
        "kinds": _sums(removed),
        "problems": problems[:SHOWN],
        "count": len(removed),
        "freed_bytes": freed,
    }
    with transaction.atomic():
        if not collection.end(JobState.SUCCEEDED, **facts):
            return
        Collection.objects.filter(finished_at__lt=timezone.now() - KEPT_FOR).delete()
        if removed and not collection.dry_run:
            _record_completion(collection)


def _record_completion(collection: Collection) -> None:
    """In every workspace: what is stored belongs to all of them."""
    for workspace in Workspace.objects.all():
        record(
            COLLECTION_COMPLETED,
            collection,
            workspace=workspace,
            actor=collection.requested_by,
            count=collection.count,
            freed_bytes=collection.freed_bytes,
        )


def _sums(removed: Measured) -> dict[str, dict[str, int]]:
    sizes = {kind: [size for each, size in removed if each.kind == kind] for kind in Kind}
    return {kind.value: {"count": len(found), "bytes": sum(found)} for kind, found in sizes.items() if found}


def _shown(each: Stored, size: int) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "name": each.label,
        "why": each.why,
        "unused_since": each.last_used.isoformat(),
        "bytes": size,
    }
