"""Artifacts whose stored bytes are lost or changed, and the versions that have them.

A ready version with such a file becomes *damaged*; a version that is still being inspected learns of it from its
inspection. Once the bytes are right again, be it from an upload or a backup, its damaged versions are inspected anew.
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from registry import events
from registry.errors import FileDamaged
from registry.models import Artifact, Inspection, ModelVersion, VersionFile, VersionState
from registry.models.version import VERSION_MOVES
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.states import move


def note_damaged(artifact: Artifact, fault: type[FileDamaged]) -> None:
    """The store has lost the bytes, or holds others."""
    now = timezone.now()
    with transaction.atomic():
        rows = Artifact.objects.filter(pk=artifact.pk)
        if not rows.update(checked_at=now):
            return  # removed meanwhile
        rows.filter(damaged_at=None).update(damaged_at=now)
        for version in _versions(artifact, VersionState.READY):
            files = version.files.filter(artifact=artifact)
            mark_version(version, fault, [file.path for file in files])


def mark_version(version: ModelVersion, fault: type[FileDamaged], paths: list[str]) -> None:
    """Make one version damaged; call it in a transaction."""
    move(version, VersionState.DAMAGED, moves=VERSION_MOVES, rejection=fault(paths[0]).as_dict())
    record(events.VERSION_DAMAGED, version, workspace=version.workspace, files=paths)


def note_whole(artifact: Artifact) -> None:
    """The stored bytes are those of the digest; nothing is written unless they were not before."""
    if artifact.damaged_at is None:
        return
    with transaction.atomic():
        rows = Artifact.objects.filter(pk=artifact.pk, damaged_at__isnull=False)
        if rows.update(damaged_at=None, checked_at=timezone.now()):
            _inspect_again(_versions(artifact, VersionState.DAMAGED))
    artifact.damaged_at = None


def _versions(artifact: Artifact, state: VersionState) -> Iterable[ModelVersion]:
    holders = VersionFile.objects.filter(artifact=artifact).values("version")
    return ModelVersion.objects.filter(pk__in=holders, state=state).select_related("model", "workspace")


def _inspect_again(versions: Iterable[ModelVersion]) -> None:
    for version in versions:
        if not version.files.filter(artifact__damaged_at__isnull=False).exists():
            move(version, VersionState.UPLOADED, moves=VERSION_MOVES, rejection=None)
            record(events.VERSION_REPAIRED, version, workspace=version.workspace)
            create_job(Inspection, version=version)
