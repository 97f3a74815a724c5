"""Bytes that a removal frees."""

import os

from deployments.collection.freed import FreedBytes


def folder(path, **files):
    path.mkdir()
    for name, size in files.items():
        (path / name).write_bytes(b"x" * size)
    return path


def test_all_files_of_a_folder_count_once(tmp_path):
    whole = folder(tmp_path / "a", one=10, two=5)
    os.link(whole / "one", whole / "again")
    (whole / "link").symlink_to(whole / "two")
    size_of_link = (whole / "link").lstat().st_size
    assert FreedBytes().by_removing(whole) == 15 + size_of_link


def test_a_file_that_has_a_name_elsewhere_frees_nothing(tmp_path):
    whole = folder(tmp_path / "a", own=3, shared=100)
    os.link(whole / "shared", tmp_path / "artifact")
    assert FreedBytes().by_removing(whole) == 3


def test_the_last_of_its_names_frees_it(tmp_path):
    whole = folder(tmp_path / "a", shared=100)
    os.link(whole / "shared", tmp_path / "artifact")
    freed = FreedBytes()
    assert [freed.by_removing(whole), freed.by_removing(tmp_path / "artifact")] == [0, 100]


def test_what_is_not_there_frees_nothing(tmp_path):
    assert FreedBytes().by_removing(tmp_path / "gone") == 0
