"""Files of local services: permissions, keys, removal, log rotation."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.targets.base import NotRemoved
from tests.targets.contract import until
from tests.targets.local.local_drivers import folder_of


def stop(driver, spec):
    """Stop until no process is left."""
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))


@pytest.fixture
def permissions_apply(monkeypatch):
    """Folder permissions apply to removals, also for the superuser."""

    def bound(remove):
        def only_where_allowed(path, *, dir_fd=None):
            folder = Path(path).parent if dir_fd is None else dir_fd
            if not os.stat(folder).st_mode & stat.S_IWUSR:
                raise PermissionError(f"{path}: the folder is read-only")
            remove(path, dir_fd=dir_fd)

        return only_where_allowed

    for name in ("unlink", "rmdir"):
        monkeypatch.setattr(os, name, bound(getattr(os, name)))


def test_files_are_accessible_to_the_owner_only(driver, spec):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    folder = folder_of(driver, spec)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for path in (folder.keys, folder.run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_new_keys_are_written_without_a_restart(driver, spec):
    driver.apply(spec)
    found = until(driver, spec.ref, "ready")
    driver.apply(replace(spec, key_digests=("c" * 64,), generation=2))
    assert json.loads(folder_of(driver, spec).keys.read_bytes()) == {"digests": ["c" * 64]}
    assert driver.observe(spec.ref).started_at == found.started_at


def test_read_only_folders_of_a_script_are_removed_with_the_service(driver, spec, tmp_path, permissions_apply):
    driver.apply(spec)
    stop(driver, spec)
    elsewhere, module = tmp_path / "elsewhere", folder_of(driver, spec).home / "module"
    for folder in (elsewhere, module):
        folder.mkdir()
        (folder / "go.mod").touch()
    (module / "link").symlink_to(elsewhere)
    for folder in (elsewhere, module):
        folder.chmod(0o555)
    driver.remove(spec.ref)
    assert not driver.holds(spec.ref)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o555
    assert (elsewhere / "go.mod").exists()


def test_files_that_cannot_be_removed_are_named_and_removed_later(driver, spec, monkeypatch):
    driver.apply(spec)
    stop(driver, spec)
    held, unlink = folder_of(driver, spec).home / "held", os.unlink
    held.touch()

    def busy(path, **options):
        if Path(path).name == "held":
            raise PermissionError("busy")
        unlink(path, **options)

    with monkeypatch.context() as context:
        context.setattr(os, "unlink", busy)
        with pytest.raises(NotRemoved, match=f"cannot be removed: {held}\\."):
            driver.remove(spec.ref)
    assert driver.holds(spec.ref)
    driver.remove(spec.ref)
    assert not driver.holds(spec.ref)


def test_log_is_rotated_at_its_limit(driver, spec, monkeypatch):
    monkeypatch.setattr("deployments.targets.local.replica.LOG_BYTES", 1000)
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    with folder_of(driver, spec).log.open("a") as log:
        log.write("x" * 2000)
    driver.observe(spec.ref)
    assert driver.logs(spec.ref) == ("", 0)
    assert (folder_of(driver, spec).control / "server.log.1").stat().st_size > 2000
