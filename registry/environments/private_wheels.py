"""Private wheels: packages of one's own that belong to an environment, kept as files and installed by their hash.

A wheel is read here, never run: name, version and tags of its file name must be those that it says inside, and its
RECORD must fit its files.
"""

import base64
import csv
import hashlib
import io
import stat
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import IO

from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, canonicalize_version, parse_wheel_filename

from registry.models import Artifact, Environment
from registry.store import artifacts
from registry.store.materialise import materialise
from registry.store.paths import safe_path
from studio.core.errors import BadInput

MAX_WHEELS = 50
MAX_BYTES = 200 * 1024 * 1024
MAX_UNPACKED = 1024 * 1024 * 1024  # bytes of all files in a wheel
MAX_FILES = 20_000
MAX_TEXT = 4 * 1024 * 1024  # bytes of METADATA, WHEEL or RECORD
PIECE = 1024 * 1024
UNSIGNED = ("RECORD", "RECORD.jws", "RECORD.p7s")  # of which RECORD has no hash


@dataclass(frozen=True)
class Wheel:
    """A checked wheel. `path` is its file name."""

    path: str
    artifact: Artifact

    @property
    def name(self) -> str:
        return str(parse_wheel_filename(self.path)[0])

    @property
    def fact(self) -> tuple[str, str]:
        """What a definition keeps of it."""
        return self.path, self.artifact.digest


def adopt(files: Iterable[tuple[str, Artifact]]) -> list[Wheel]:
    """Check stored files, by their names, as wheels. Raises `BadInput`, which names the file."""
    return [_adopt(filename, artifact) for filename, artifact in files]


def wheels_of(environment: Environment) -> list[Wheel]:
    """Those that a row has."""
    return [Wheel(row.filename, row.artifact) for row in environment.wheels.select_related("artifact")]


def check_together(wheels: Sequence[Wheel], python_version: str) -> tuple[Wheel, ...]:
    """The wheels in order, one for each package, all for this Python on this kind of machine. Raises `BadInput`."""
    if len(wheels) > MAX_WHEELS:
        raise _bad(f"At most {MAX_WHEELS} private wheels can belong to an environment; these are {len(wheels)}.")
    taken = _tags_for(python_version) if wheels else frozenset()
    found: dict[str, Wheel] = {}
    for wheel in sorted(wheels, key=lambda one: one.path):
        if wheel.name in found:
            raise _bad(f"{wheel.path} and {found[wheel.name].path} are wheels of the same package.")
        if not parse_wheel_filename(wheel.path)[3] & taken:
            raise _bad(
                f"{wheel.path} is not for Python {python_version} on {sysconfig.get_platform()}.",
                hint="The end of a wheel's name says what it is for: py3-none-any fits everywhere, "
                "cp311-cp311-manylinux… Python 3.11 on Linux.",
            )
        found[wheel.name] = wheel
    return tuple(found.values())


@contextmanager
def laid_out(environment: Environment | None) -> Iterator[str]:
    """A folder with the environment's private wheels as long as the block lasts; "" where it has none."""
    wheels = wheels_of(environment) if environment is not None and environment.pk else []
    if not wheels:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="slipway-wheels-") as folder:
        Path(folder).chmod(0o755)  # a build may run as another user
        for wheel in wheels:
            materialise(wheel, Path(folder))
        yield folder


def _adopt(filename: str, artifact: Artifact) -> Wheel:
    filename = safe_path(filename).rsplit("/", 1)[-1]
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as reason:
        raise _bad(
            f"'{filename[:100]}' is no name of a wheel.",
            hint="A wheel is called name-version-python-abi-platform.whl, as the program that builds it has called it.",
        ) from reason
    if artifact.size > MAX_BYTES:
        raise _bad(
            f"{filename} has more than {MAX_BYTES // 1024**2} MB.",
            hint="Ask an administrator to put it into the folder that SLIPWAY_WHEELS names.",
        )
    try:
        with artifacts.open_artifact(artifact) as stream, zipfile.ZipFile(stream) as archive:
            _check_archive(archive, filename, str(name), str(version), tags)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zipfile.LargeZipFile) as reason:
        raise _bad(f"{filename} is no wheel: it cannot be read as a zip archive.", evidence=str(reason)) from reason
    return Wheel(filename, artifact)


def _check_archive(archive: zipfile.ZipFile, filename: str, name: str, version: str, tags: frozenset[Tag]) -> None:
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) > MAX_FILES or sum(one.file_size for one in members) > MAX_UNPACKED:
        raise _bad(f"{filename} unpacks to more than {MAX_FILES} files or {MAX_UNPACKED // 1024**2} MB.")
    for member in members:
        _check_member(member, filename)
    information = _information_folder(members, filename, name)
    metadata = HeaderParser().parsestr(_text(archive, f"{information}/METADATA", filename))
    said = canonicalize_name(metadata.get("Name", "")), canonicalize_version(metadata.get("Version", ""))
    if said != (name, canonicalize_version(version)):
        raise _bad(
            f"{filename} calls itself {metadata.get('Name')} {metadata.get('Version')} inside.",
            hint="Build the wheel again, and do not rename it.",
        )
    headers = HeaderParser().parsestr(_text(archive, f"{information}/WHEEL", filename))
    inside = frozenset(tag for text in headers.get_all("Tag", []) for tag in parse_tag(text))
    if inside != tags:
        raise _bad(f"{filename} is for other Pythons or machines than its name says.", hint="Build it again.")
    _check_record(archive, members, f"{information}/RECORD", filename)


def _check_member(member: zipfile.ZipInfo, filename: str) -> None:
    path = member.filename
    if path.startswith("/") or "\\" in path or ".." in path.split("/") or stat.S_ISLNK(member.external_attr >> 16):
        raise _bad(f"{filename} holds a path that leads out of it: {path[:100]}.")


def _information_folder(members: Sequence[zipfile.ZipInfo], filename: str, name: str) -> str:
    tops = {one.filename.split("/", 1)[0] for one in members}
    folders = [top for top in tops if top.endswith(".dist-info")]
    if len(folders) != 1 or canonicalize_name(folders[0].removesuffix(".dist-info").rsplit("-", 1)[0]) != name:
        raise _bad(f"{filename} has no folder {name.replace('-', '_')}-….dist-info, or more than one.")
    return folders[0]


def _text(archive: zipfile.ZipFile, path: str, filename: str) -> str:
    try:
        with archive.open(path) as stream:
            content = stream.read(MAX_TEXT + 1)
    except KeyError as reason:
        raise _bad(f"{filename} has no {path}.") from reason
    if len(content) > MAX_TEXT:
        raise _bad(f"{path} of {filename} has more than {MAX_TEXT // 1024**2} MB.")
    return content.decode(errors="replace")


def _check_record(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], record: str, filename: str) -> None:
    """Every file is listed, with the hash that it has."""
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(_text(archive, record, filename))) if len(row) == 3}
    unsigned = {record.rsplit("/", 1)[0] + f"/{name}" for name in UNSIGNED}
    for member in members:
        if member.filename in unsigned:
            continue
        algorithm, _, digest = rows.get(member.filename, "").partition("=")
        if algorithm not in {"sha256", "sha384", "sha512"} or not digest:
            raise _bad(f"RECORD of {filename} has no hash of {member.filename[:100]}.", hint="Build the wheel again.")
        with archive.open(member) as stream:
            if _digest(stream, algorithm) != digest.rstrip("="):
                raise _bad(f"{member.filename[:100]} in {filename} is not the file that its RECORD names.")


def _digest(stream: IO[bytes], algorithm: str) -> str:
    seen = hashlib.new(algorithm)
    while piece := stream.read(PIECE):
        seen.update(piece)
    return base64.urlsafe_b64encode(seen.digest()).rstrip(b"=").decode()


def _tags_for(python_version: str) -> frozenset[Tag]:
    """What a Python of this version takes on a machine like this one."""
    version = tuple(int(part) for part in python_version.split(".")[:2])
    interpreter = f"cp{version[0]}{version[1]}"
    return frozenset([*cpython_tags(version), *compatible_tags(version, interpreter)])


def _bad(message: str, *, hint: str = "", evidence: str = "") -> BadInput:
    return BadInput(message, code="bad_wheel", hint=hint, evidence=evidence, field="wheels")
