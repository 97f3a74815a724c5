"""The bytes that a removal frees."""

import os

from deployments.collection.freed import FreedBytes


def folder(path, **files):
    path.mkdir()
    for name, size in files.items():
        (path / name).write_bytes(b"x" * size)
    return path


def test_hard_links_within_a_folder_count_once(tmp_path):
    whole = folder(tmp_path / "a", one=10, two=5)
    os.link(whole / "one", whole / "again")
    (whole / "link").symlink_to(whole / "two")
    size_of_link = (whole / "link").lstat().st_size
    assert FreedBytes().by_removing(whole) == 15 + size_of_link


def test_file_with_a_hard_link_elsewhere_frees_nothing(tmp_path):
    whole = folder(tmp_path / "a", own=3, shared=100)
    os.link(whole / "shared", tmp_path / "artifact")
    assert FreedBytes().by_removing(whole) == 3


def test_last_hard_link_frees_the_bytes(tmp_path):
    whole = folder(tmp_path / "a", shared=100)
    os.link(whole / "shared", tmp_path / "artifact")
    freed = FreedBytes()
    assert [freed.by_removing(whole), freed.by_removing(tmp_path / "artifact")] == [0, 100]


def test_missing_path_frees_nothing(tmp_path):
    assert FreedBytes().by_removing(tmp_path / "gone") == 0
