"""An archive: everything that a revision needs to start on a device, as scoring/edge_contract.py describes it."""

from collections.abc import Callable
from typing import Any, BinaryIO

import orjson

from deployments.builds.device_contents import bundle_entries, library_entries, package_entries, python_of
from deployments.builds.tar_files import Entry, write_tar
from deployments.edge.archive_texts import compose_file, readme, start_script
from deployments.edge.signing import sign
from deployments.models import Instance, Revision
from deployments.recipe.spec import InstanceSpec, spec_for
from deployments.targets.edge.run_settings import settings_of
from scoring.edge_contract import BUNDLE, CHECKSUMS, FORMAT, LIBRARY, MANIFEST, PACKAGES, SIGNATURE

Progress = Callable[[float], None]


def write_archive(revision: Revision, target: BinaryIO, progress: Progress = lambda share: None) -> None:
    """Write the archive of a revision that is built. Equal revisions give equal bytes. Raises `NotExportable`."""
    entries = archive_entries(revision)
    total, done = sum(entry.size for entry in entries) or 1, 0
    for size in write_tar(target, entries):
        done += size
        progress(done / total)


def archive_entries(revision: Revision) -> list[Entry]:
    """All files of the archive, below its one folder."""
    spec = _spec_of(revision)
    parts = {
        BUNDLE: bundle_entries(spec.bundle),
        LIBRARY: library_entries(),
        PACKAGES: package_entries(spec.environment),
    }
    files = [entry.below(part) for part, entries in parts.items() for entry in entries]
    manifest = _manifest(revision, spec, files)
    encoded = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    own = [
        Entry(MANIFEST, content=encoded),
        Entry(SIGNATURE, content=f"{sign(encoded)}\n".encode()),
        Entry(CHECKSUMS, content=_checksums(manifest["files"])),
        Entry("README.md", content=readme(manifest).encode()),
        Entry("compose.yaml", content=compose_file(spec.ref.service, manifest["python"]["minor"]).encode()),
        Entry("start.sh", content=start_script(manifest["python"]["minor"]).encode(), executable=True),
    ]
    return [entry.below(f"{spec.ref.service}-{spec.ref.revision}") for entry in (*own, *files)]


def _spec_of(revision: Revision) -> InstanceSpec:
    """What a target would be given. The instance is never saved: an archive runs nowhere that the studio knows of."""
    service = revision.service
    return spec_for(Instance(pk=0, service=service, revision=revision, target=service.target))


def _manifest(revision: Revision, spec: InstanceSpec, files: list[Entry]) -> dict[str, Any]:
    listed = [
        {"path": entry.name, "size": entry.size, "sha256": entry.digest()}
        for entry in sorted(files, key=lambda entry: entry.name)
    ]
    return {
        "format": FORMAT,
        "service": spec.ref.service,
        "workspace": spec.ref.workspace,
        "revision": spec.ref.revision,
        "recipe": spec.recipe,
        "kind": spec.kind,
        "models": sorted(str(use.version) for use in revision.models.select_related("version__model")),
        "python": python_of(spec.environment),
        "settings": settings_of(spec),
        "variables": spec.environment_variables,
        "files": listed,
    }


def _checksums(files: list[dict[str, Any]]) -> bytes:
    """Of what `sha256sum -c` can name: a backslash before the digest says that line breaks are escaped."""
    return "".join(f"{file['sha256']}  {file['path']}\n" for file in files if "\n" not in file["path"]).encode()
