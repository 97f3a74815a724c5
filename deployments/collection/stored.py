"""What is stored on this machine, and what uses it: rows and folders, read by a worker."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.db.models import F
from django.utils import timezone

from deployments.builds import revision_images
from deployments.collection.plan import Kind, RevisionFacts, Stored
from deployments.models import Build, BuiltBundle, BuiltImage, Instance, Phase, Revision, Traffic
from deployments.recipe.build_paths import bundles_folder, image_drafts_folder
from deployments.targets import scoring_library
from registry.environments.paths import environments_folder
from registry.models import BuiltEnvironment
from registry.store import sweeping
from registry.store.artifacts import local_path
from registry.store.uploads import part_of

UNUSED = "no service has it among its newest revisions"
NO_ROW = "it was never recorded as built"
BEGUN = "its removal was interrupted"


def revisions() -> list[RevisionFacts]:
    """All revisions of all services."""
    needed = _needed()
    names = ("pk", "service_id", "number", "content_hash", "revision_hash", "config__environment__definition_hash")
    return [
        RevisionFacts(service, number, content, revision, environment or "", pk in needed)
        for pk, service, number, content, revision, environment in Revision.objects.values_list(*names).iterator()
    ]


def _needed() -> set[int]:
    """Revisions that people want, be they stopped, and those that answer, run or are being built."""
    wanted = Revision.objects.filter(number=F("service__wanted_revision")).values_list("pk", flat=True)
    running = Instance.objects.exclude(phase=Phase.STOPPED).values_list("revision_id", flat=True)
    answering = Traffic.objects.values_list("revision_id", flat=True)
    building = Build.objects.unfinished().values_list("revision_id", flat=True)
    return set(wanted) | set(running) | set(answering) | set(building)


def everything() -> Iterator[Stored]:
    """All that may be collected when nothing uses it."""
    yield from _images()
    yield from _bundles()
    yield from _environments()
    yield from _libraries()
    yield from _uploads()
    yield from _artifacts()
    yield from _drafts()


def used_libraries() -> set[tuple[Kind, str]]:
    """Copies of the scoring package that processes run from, and the one that the next service gets."""
    return {(Kind.LIBRARY, name) for name in scoring_library.names_in_use(scoring_library.folder())}


def used_images(kept: list[RevisionFacts]) -> set[tuple[Kind, str]]:
    """Images of the revisions, and those of their environments, at any place."""
    contents = {revision.content_hash for revision in kept}
    rows = Revision.objects.select_related("config__environment", "service__target", "service__workspace")
    found: set[tuple[Kind, str]] = set()
    for revision in rows.filter(content_hash__in=contents).iterator():
        if wanted := revision_images.wanted_image(revision, revision.service.target):
            found |= {(Kind.IMAGE, wanted.key), (Kind.IMAGE, wanted.recipe.key)}
    return found


def _images() -> Iterator[Stored]:
    for row in BuiltImage.objects.order_by("-kind").iterator():  # those of services hold those of environments
        yield Stored(
            Kind.IMAGE,
            str(row.pk),
            row.tag,
            BEGUN if row.removing_at else UNUSED,
            row.last_used_at,
            content=row.image_hash,
            size=row.size_bytes,
            is_left=row.removing_at is not None,
        )


def _bundles() -> Iterator[Stored]:
    known = set()
    for row in BuiltBundle.objects.iterator():
        known.add(row.place)
        yield Stored(
            Kind.BUNDLE,
            row.place,
            row.content_hash[:12],
            BEGUN if row.removing_at else UNUSED,
            row.last_used_at,
            content=row.content_hash,
            size=row.size_bytes,
            path=bundles_folder() / row.place,
            is_left=row.removing_at is not None,
        )
    yield from _without_row(Kind.BUNDLE, bundles_folder(), known)


def _environments() -> Iterator[Stored]:
    known = set()
    for row in BuiltEnvironment.objects.filter(built_at__isnull=False).exclude(place="").iterator():
        known.add(row.place)
        yield Stored(
            Kind.ENVIRONMENT,
            row.place,
            row.definition_hash[:12],
            BEGUN if row.removing_at else UNUSED,
            row.last_used_at,
            content=row.definition_hash,
            size=row.size_bytes,
            path=environments_folder() / row.place,
            is_left=row.removing_at is not None,
        )
    yield from _without_row(Kind.ENVIRONMENT, environments_folder(), known)


def _without_row(kind: Kind, folder: Path, known: set[str]) -> Iterator[Stored]:
    """The worker died between the folder and its row, and nobody has built the same again."""
    for path in _folders(folder, lambda name: not name.startswith(".") and name not in known):
        yield Stored(kind, path.name, path.name[:12], NO_ROW, _changed(path), path=path)


def _libraries() -> Iterator[Stored]:
    why = "no service runs with this copy of the scoring package"
    for path in _folders(scoring_library.folder(), lambda name: not name.startswith(".")):
        yield Stored(Kind.LIBRARY, path.name, path.name, why, _changed(path), path=path)


def _uploads() -> Iterator[Stored]:
    for row in sweeping.stale_uploads().iterator():
        why = "nobody has registered it" if row.is_complete else "nobody has sent more of it"
        yield Stored(Kind.UPLOAD, str(row.pk), row.path, why, row.touched_at, size=row.received, path=part_of(row))


def _artifacts() -> Iterator[Stored]:
    for row in sweeping.unused().iterator():
        why = "no version, config or upload has it"
        path = local_path(row.digest)
        yield Stored(Kind.ARTIFACT, row.digest, row.digest[:12], why, row.touched_at, size=row.size, path=path)


def _drafts() -> Iterator[Stored]:
    why = "whoever wrote it has died"
    for path in sweeping.stray_files():
        yield Stored(Kind.DRAFT, str(path), path.name, why, _changed(path), path=path)
    for folder in (bundles_folder(), environments_folder(), scoring_library.folder(), image_drafts_folder()):
        for path in _folders(folder, lambda name: name.startswith(".") and name.endswith((".draft", ".removed"))):
            is_left = path.name.endswith(".removed")
            why = BEGUN if is_left else "whoever wrote it has died"
            yield Stored(Kind.DRAFT, str(path), path.name, why, _changed(path), path=path, is_left=is_left)


def _folders(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if wanted(path.name) and path.is_dir() and not path.is_symlink())


def _changed(path: Path) -> datetime:
    """When it last changed; now, if it has just gone."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timezone.now()
