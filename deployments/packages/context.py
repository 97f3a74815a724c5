"""A Docker context: everything that `docker build` needs for an image that serves a content, in one .tar.gz."""

import ensurepip
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import BinaryIO

from deployments.builds import revision_images
from deployments.builds.bundles import Content
from deployments.builds.image_bills import bill_subject
from deployments.builds.images.bill import Part, bill_of_materials, licence_list, parts_of_lock
from deployments.builds.images.builders import Run
from deployments.builds.images.layers import files_below
from deployments.builds.images.recipe import EnvironmentRecipe
from deployments.builds.images.sources import build_sources
from deployments.builds.images.wheels import fetch_wheels
from deployments.builds.tar_files import Entry, write_tar
from deployments.packages.texts import BASE_FILE, LOCK, OPTIONS, PIP, WHEELS, ContextFacts, dockerfile, readme
from deployments.recipe.build_paths import bundle_path
from studio.core.errors import SlipwayError

Progress = Callable[[float], None]


def write_context(  # noqa: PLR0913 - each is another part of it
    target: BinaryIO,
    content: Content,
    recipe: EnvironmentRecipe,
    facts: ContextFacts,
    options: bytes,
    run: Run,
    progress: Progress = lambda _: None,
    *,
    private: str = "",
) -> None:
    """Write the context; the bundle is made. `private` is a folder with the environment's own wheels. Equal contents
    give equal bytes. Raises `SlipwayError`."""
    files: dict[str, Path | bytes] = {
        "Dockerfile": dockerfile(facts).encode(),
        "README.md": readme(facts).encode(),
        ".dockerignore": b"README.md\nsbom.cdx.json\nlicences.csv\nbase.Dockerfile\n",
        LOCK: recipe.lock.encode(),
        PIP: pip_wheel(),
    }
    if recipe.dockerfile:
        files[BASE_FILE] = recipe.dockerfile.encode()
    if options:
        files[OPTIONS] = options
    if facts.offline:
        files |= _wheels(recipe, run, private)
    parts = [_with_licence(part) for part in parts_of_lock(recipe.lock)]
    files["sbom.cdx.json"] = bill_of_materials(bill_subject(content, content.content_hash), parts)
    files["licences.csv"] = licence_list(parts)
    files |= files_below(bundle_path(content.content_hash), "bundle")
    files |= files_below(revision_images.SCORING, "library/scoring", wanted=lambda path: path.suffix != ".pyc")
    entries = [_entry(name, source).below(facts.stem) for name, source in files.items()]
    total, done = sum(entry.size for entry in entries) or 1, 0
    for size in write_tar(target, entries):
        done += size
        progress(done / total)


def _entry(name: str, source: Path | bytes) -> Entry:
    return Entry(name, content=source) if isinstance(source, bytes) else Entry(name, source)


def _with_licence(part: Part) -> Part:
    """As the same version names it that is installed beside the studio, if one is."""
    try:
        facts = metadata(part.name)
    except PackageNotFoundError:
        return part
    named = [text.rpartition(" :: ")[2] for text in facts.get_all("Classifier", []) if text.startswith("License")]
    told = [*facts.get_all("License-Expression", []), *named, *facts.get_all("License", [])]
    same = facts["Version"] == part.version and told
    return replace(part, licence=str(told[0]).strip().partition("\n")[0][:200]) if same else part


def _wheels(recipe: EnvironmentRecipe, run: Run, private: str) -> Mapping[str, Path]:
    packages = replace(build_sources(run.folder).packages, private=private)
    found = fetch_wheels(
        recipe.lock, recipe.python_version, run.folder / WHEELS, sources=packages, log=run.log, limits=run.limits
    )
    return {f"{WHEELS}/{name}": path for name, path in found.items()}


def pip_wheel() -> Path:
    """The installer as a wheel, which any Python runs as it is. Python brings it along for new virtual environments."""
    elsewhere = sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels"
    folders = [Path(ensurepip.__file__).parent / "_bundled", Path(elsewhere)]
    found = sorted(path for folder in folders for path in folder.glob("pip-*.whl"))
    if not found:
        raise SlipwayError(
            "The studio's Python has no wheel of pip, which goes into packages.",
            hint="On Debian and Ubuntu: apt install python3-venv",
            code="package_failed",
        )
    return found[-1]
