"""`start.sh` of an archive: check that it fits this device and is whole, then become its scoring server."""

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from scoring.edge.launch import environment, make_environment, write_settings
from scoring.edge.machine import check_fit
from scoring.edge.manifest import check_files, check_signature, read_manifest, read_public_key
from scoring.edge.problems import EdgeProblem
from scoring.edge_contract import BUNDLE, LIBRARY, PACKAGES

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
KEYS_VARIABLE = "SLIPWAY_KEYS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `start.sh`."""
    parser.add_argument("archive", type=Path, help="folder of the archive")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5001, help="port to listen at (default: 5001)")
    parser.add_argument("--keys-file", type=Path, help=f"file with one key per line; or set {KEYS_VARIABLE}")
    parser.add_argument("--no-keys", action="store_true", help="answer everybody, on other addresses than loopback too")
    parser.add_argument("--public-key", type=Path, help="the studio's public key: refuse what it has not signed")
    parser.add_argument("--work", type=Path, help="folder to write to (default: work in the archive's folder)")
    parser.add_argument("--check", action="store_true", help="check the archive and stop")


def start(arguments: argparse.Namespace) -> int:
    """Returns only for --check. Raises `EdgeProblem`."""
    archive = arguments.archive.resolve()
    manifest = check(archive, arguments.public_key)
    keys = _keys(arguments)
    if arguments.check:
        sys.stdout.write(f"{manifest['service']}, revision {manifest['revision']}: every file is as it was exported.\n")
        return 0
    work = (arguments.work or archive / "work").resolve()
    place = {"host": arguments.host, "port": arguments.port, "auth": bool(keys)}
    return _serve(archive, manifest, work, place, keys)


def check(archive: Path, public_key: Path | None) -> dict[str, Any]:
    """The manifest of an archive that fits and is whole. Raises `EdgeProblem`."""
    manifest = read_manifest(archive)
    if public_key is None:
        sys.stderr.write("No --public-key was given: who has made this archive was not checked.\n")
    else:
        check_signature(archive, _read_key(public_key))
    check_fit(manifest["python"])
    check_files(archive, manifest)
    return manifest


def _read_key(path: Path) -> bytes:
    try:
        return read_public_key(path.read_text())
    except OSError as error:
        raise EdgeProblem("bad_public_key", f"{path} cannot be read: {error.strerror}", "Check the path.") from error


def _keys(arguments: argparse.Namespace) -> list[str]:
    """Raises `EdgeProblem` where everybody in the network could call, and nobody has said that this is meant."""
    try:
        text = arguments.keys_file.read_text() if arguments.keys_file else os.environ.get(KEYS_VARIABLE, "")
    except OSError as error:
        raise EdgeProblem("no_keys", f"The file of keys cannot be read: {error}", "Check --keys-file.") from error
    keys = text.replace(",", "\n").split()
    if not keys and not arguments.no_keys and arguments.host not in LOOPBACK:
        raise EdgeProblem(
            "no_keys",
            f"Everybody who reaches {arguments.host} could call this service: no keys were given.",
            f"Give keys with --keys-file or {KEYS_VARIABLE}, or say --no-keys.",
        )
    return keys


def _serve(archive: Path, manifest: dict[str, Any], work: Path, place: dict[str, Any], keys: list[str]) -> NoReturn:
    _make_folders(work)
    settings = manifest["settings"] | place | {"bundle": str(archive / BUNDLE), "work": str(work / "run")}
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in keys]
    run = write_settings(work / "control", settings, {"digests": digests})
    python = make_environment(work / "environment", archive / PACKAGES)
    variables = environment(manifest["variables"], archive / LIBRARY, work, compiled=work / "compiled")
    os.execve(python, [str(python), "-m", "scoring", str(run), "--console"], variables)  # noqa: S606 - no shell


def _make_folders(work: Path) -> None:
    try:
        for name in ("run", "home"):
            (work / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeProblem(
            "work_folder", f"The folder {work} cannot be made: {error.strerror}", "Name another one with --work."
        ) from error
