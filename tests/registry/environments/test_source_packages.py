"""Packages without a wheel: their build scripts run behind walls, and what they make is the studio's afterwards."""

import io
import json
import os
import stat
import tarfile

import pytest

from registry.environments import build_room, environments
from registry.environments.build_room import BUILDS, SCRATCH
from studio.core.errors import SlipwayError
from studio.sandbox.current import current_walls, studio_number
from studio.sandbox.levels import Walls
from tests.conftest import require
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "curious"
version = "1.0"
"""
BACKEND = """
import json, os, pathlib, zipfile

INFO = "curious-1.0.dist-info"


def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True


def build_wheel(folder, config_settings=None, metadata_directory=None):
    there = {there!r}
    found = {{
        "user": os.getuid(),
        "secrets": sorted(name for name in os.environ if "SECRET" in name or "DATABASE" in name),
        "read the database": works(lambda: open(there["database"], "rb").close()),
        "write the database": works(lambda: open(there["database"], "ab").close()),
        "write the shared cache": works(lambda: open(there["cache"] + "/written", "w").close()),
        "write beside the wheels": works(lambda: open(there["wheels"] + "/written", "w").close()),
    }}
    name = "curious-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("curious.json", json.dumps(found))
        wheel.writestr("curious.py", "ANSWER = 42\\n")
        wheel.writestr(INFO + "/METADATA", "Metadata-Version: 2.2\\nName: curious\\nVersion: 1.0\\n")
        wheel.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "/RECORD", "")
    return name
"""


@pytest.fixture
def curious(wheels, settings, tmp_path):
    """The source package `curious` lies among the wheels: when it is built, it writes down what it reaches."""
    make_wheel(wheels, "demo")
    settings.DATA_DIR.mkdir(mode=0o700, exist_ok=True)
    database = settings.DATA_DIR / "slipway.sqlite3"
    database.write_text("secret")
    database.chmod(0o600)
    (tmp_path / "cache").mkdir(exist_ok=True)
    there = {"database": str(database), "cache": str(tmp_path / "cache"), "wheels": str(wheels)}
    files = {
        "PKG-INFO": "Metadata-Version: 2.2\nName: curious\nVersion: 1.0\n",
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.format(there=there),
    }
    with tarfile.open(wheels / "curious-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"curious-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    open_to_others(wheels)
    return wheels


def open_to_others(folder):
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def found_in(environment, log=None):
    place = environments.install(environment, log or io.StringIO())
    (written,) = place.glob("lib/python*/site-packages/curious.json")
    return place, json.loads(written.read_text())


def test_build_script_reaches_nothing_of_the_studio(curious, define, monkeypatch):
    if current_walls().level not in ("bubblewrap", "landlock"):
        require("bubblewrap", "this machine has no walls that hold files")
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "secret")
    log = io.StringIO()
    _, found = found_in(define("curious"), log)
    assert found == {
        "user": current_walls().user_for(BUILDS, studio_number()) or os.geteuid(),
        "secrets": [],
        "read the database": False,
        "write the database": False,
        "write the shared cache": False,
        "write beside the wheels": False,
    }
    assert "building it from source, behind walls" in log.getvalue()


def test_what_a_build_makes_is_the_studios_and_nobody_elses_to_write(curious, define):
    place, _ = found_in(define("curious"))
    for path in (place, *place.rglob("*")):
        status = path.lstat()
        assert status.st_uid == os.geteuid(), path
        assert stat.S_ISLNK(status.st_mode) or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH), path
    assert not (place / SCRATCH).exists()


def test_folder_of_wheels_that_the_builds_user_cannot_read_is_named(curious, define):
    if not current_walls().changes_user:
        require("root", "builds run as the studio's user here")
    curious.chmod(0o700)
    with pytest.raises(SlipwayError, match="closed to other users") as refused:
        environments.install(define("curious"), io.StringIO())
    assert f"chmod -R o+rX {curious}" in refused.value.hint


def test_environment_of_wheels_alone_is_not_built_behind_walls(curious, define, monkeypatch):
    monkeypatch.setattr(build_room, "current_walls", lambda: pytest.fail("nothing is built"))
    environments.install(define("demo"), io.StringIO())


def test_package_is_not_built_behind_less_than_the_settings_ask_for(curious, define, settings, monkeypatch):
    monkeypatch.setattr(build_room, "missing_walls", lambda: "SLIPWAY_REQUIRE_WALLS asks for more.")
    with pytest.raises(SlipwayError) as refused:
        environments.install(define("curious"), io.StringIO())
    assert refused.value.code == "walls_missing"


def test_package_is_built_as_before_on_a_machine_without_walls(curious, define, monkeypatch):
    monkeypatch.setattr(build_room, "current_walls", Walls)
    _, found = found_in(define("curious"))
    assert found["user"] == os.geteuid()
