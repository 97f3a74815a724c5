"""Which files are meant by a path: links are followed, nothing is left out without a word, folders keep their names."""

import os
import socket

import pytest

from slipway import folders
from slipway.errors import Misuse
from slipway.folders import Selection, select


@pytest.fixture
def top(tmp_path):
    """A folder `model` with a file, and a folder `elsewhere` that links may lead to."""
    for folder in ("model", "elsewhere/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "elsewhere/vocab.txt").write_text("v")
    (tmp_path / "elsewhere/deep/merges.txt").write_text("m")
    return tmp_path / "model"


def test_linked_files_and_folders_are_included(top):
    (top / "file.txt").symlink_to("../elsewhere/vocab.txt")
    (top / "tokenizer").symlink_to(top.parent / "elsewhere")
    (top / "twice").symlink_to(top.parent / "elsewhere")
    names = ["config.json", "file.txt", "tokenizer/deep/merges.txt", "tokenizer/vocab.txt"]
    assert list(select([top]).files) == [*names, "twice/deep/merges.txt", "twice/vocab.txt"]


@pytest.mark.parametrize(
    ("link", "target"), [("gone.bin", "nowhere"), ("itself", "itself"), ("up", ".."), ("here", "."), ("round", "../a")]
)
def test_broken_or_circular_link_is_refused_by_name(top, link, target):
    (top.parent / "a").symlink_to("model")
    (top / link).symlink_to(target)
    with pytest.raises(Misuse, match=f"The link .*{link} leads"):
        select([top])


def test_special_file_is_refused_by_name(top):
    os.mkfifo(top / "pipe")
    with pytest.raises(Misuse, match="pipe is a pipe"):
        select([top])
    with pytest.raises(Misuse, match="pipe is a pipe"):
        select([top / "pipe"])
    (top / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(top / "ear"))
        with pytest.raises(Misuse, match="ear is a socket"):
            select([top])


def test_unreadable_file_is_refused_by_name(top, monkeypatch):
    monkeypatch.setattr(folders.os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(Misuse, match=r"config\.json cannot be read: Permission denied"):
        select([top])


def test_unreadable_folder_is_refused_by_name(top, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folders.os, "scandir", refuse)
    with pytest.raises(Misuse, match=r"The folder .*model cannot be read: Permission denied"):
        select([top])


def test_file_name_that_is_not_utf_8_is_refused(top):
    os.close(os.open(os.fsencode(top) + b"/\xff.bin", os.O_CREAT))
    with pytest.raises(Misuse, match="is not UTF-8"):
        select([top])


def test_folder_with_too_many_files_is_refused(top, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FILES", 1)
    (top / "tokenizer").symlink_to(top.parent / "elsewhere")
    with pytest.raises(Misuse, match="more than 1 files"):
        select([top])


@pytest.mark.parametrize(
    ("given", "folder"),
    [("model", "model"), ("model/", "model"), ("./model/.", "model"), (".", "work"), ("..", "up"), ("link", "link")],
)
def test_single_folder_keeps_its_name_apart_from_its_paths(tmp_path, monkeypatch, given, folder):
    work = tmp_path / "up" / "work"
    (work / "model").mkdir(parents=True)
    (work / "model" / "f.pkl").write_text("x")
    (work / "link").symlink_to("model")
    monkeypatch.chdir(work)
    found = select([folders.Path(given)])
    assert found.folder == folder
    assert next(iter(found.files)).endswith("f.pkl")
    assert not next(iter(found.files)).startswith(f"{folder}/")


def test_folder_name_prefixes_its_files_among_several_paths(top):
    readme = top.parent / "readme.md"
    readme.write_text("x")
    paths = {
        "model/config.json": top / "config.json",
        "elsewhere/deep/merges.txt": top.parent / "elsewhere/deep/merges.txt",
        "elsewhere/vocab.txt": top.parent / "elsewhere/vocab.txt",
        "readme.md": readme,
    }
    assert select([top, top.parent / "elsewhere", readme]) == Selection(paths)
    with pytest.raises(Misuse, match=r"Both .* would be 'model/config.json'"):
        select([top, top])


def test_files_of_file_managers_are_left_out(top):
    (top / ".DS_Store").touch()
    (top / ".hidden").touch()
    assert list(select([top]).files) == [".hidden", "config.json"]
