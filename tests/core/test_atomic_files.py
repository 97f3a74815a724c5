"""Small files that are replaced whole."""

import os

import pytest

from studio.core import atomic_files
from studio.core.atomic_files import write_atomically


@pytest.mark.parametrize("durable", [False, True])
def test_file_is_replaced_whole_and_is_its_owners(tmp_path, durable):
    path = tmp_path / "settings.json"
    for content in (b"one", b"two"):
        write_atomically(path, content, durable=durable)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_says_so_already_is_left_alone(tmp_path):
    path = tmp_path / "settings.json"
    write_atomically(path, b"one")
    before = path.stat()
    write_atomically(path, b"one")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_group_may_read_what_is_written_for_it(tmp_path):
    path = tmp_path / "keys.json"
    write_atomically(path, b"one", group=os.getgid())
    assert (path.stat().st_mode & 0o777, path.stat().st_gid) == (0o640, os.getgid())


def test_writer_killed_before_the_end_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "settings.json"
    write_atomically(path, b"one")

    def die(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_files.os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"two", durable=True)
    assert path.read_bytes() == b"one"
