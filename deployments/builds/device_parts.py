"""A revision packed for devices: its bundle, the scoring library and its packages as files that agents fetch."""

import hashlib
import os
import secrets
from collections.abc import Callable

import msgspec

from deployments.builds.device_contents import bundle_entries, library_entries, package_entries, python_of
from deployments.builds.tar_files import Entry, write_tar
from deployments.models import Revision, Target
from deployments.targets.base import NotBuilt
from deployments.targets.edge.published import Part, ReleaseParts, part_path, release_parts, release_path
from deployments.targets.kinds import kind_of
from registry.environments.paths import CURATED_HASH
from scoring.edge_contract import BUNDLE, LIBRARY, PACKAGES
from studio.core.atomic_files import write_atomically
from studio.core.atomic_folders import exclusive
from studio.core.tee import Log


def needs_parts(target: Target) -> bool:
    """Whether what runs there is packed for devices."""
    return kind_of(target.kind).needs_parts


def make_parts(revision: Revision, log: Log, beat: Callable[[], None] = lambda: None) -> None:
    """Pack the content of a revision, unless it is packed. The bundle and the environment must be there.

    A file gets its name when it is whole, and the release is written down last: a killed worker's work is done again.
    """
    path = release_path(revision.content_hash)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(path):
        try:
            release_parts(revision.content_hash)
        except NotBuilt:
            environment = revision.config.environment
            digest = environment.definition_hash if environment else CURATED_HASH
            entries = {
                BUNDLE: bundle_entries(revision.content_hash),
                LIBRARY: library_entries(),
                PACKAGES: package_entries(digest),
            }
            parts = {name: _pack(name, found, log, beat) for name, found in entries.items()}
            write_atomically(path, msgspec.json.encode(ReleaseParts(parts, python_of(digest))), durable=True)
        else:
            log.write("It is packed for devices already.\n")


def _pack(name: str, entries: list[Entry], log: Log, beat: Callable[[], None]) -> Part:
    folder = part_path("0").parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name}.{secrets.token_hex(4)}.draft"
    try:
        with draft.open("w+b") as file:
            unpacked = 0
            for size in write_tar(file, entries):
                unpacked += size
                beat()
            file.flush()
            os.fsync(file.fileno())
            packed = file.seek(0, os.SEEK_END)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        draft.replace(part_path(digest))
    finally:
        draft.unlink(missing_ok=True)
    log.write(f"Packed {name} for devices: {packed / 1e6:.1f} MB.\n")
    return Part(digest, packed, unpacked)
