"""Which folders of the machine can be granted to user code beyond its own."""

from pathlib import Path

import pytest

from studio.sandbox.extra_folders import sort_out


@pytest.fixture
def data(tmp_path):
    made = tmp_path / "studio" / "data"
    made.mkdir(parents=True)
    return made


def test_a_folder_that_holds_only_data_is_granted_under_the_name_that_scripts_know(tmp_path, data):
    reference = tmp_path / "reference"
    reference.mkdir()
    (tmp_path / "link").symlink_to(reference)
    named = [reference, tmp_path / "link"]
    assert sort_out([*map(str, [*named, reference]), ""], data) == (tuple(named), ())


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("relative/folder", "not an absolute path"),
        ("{tmp}/missing", "not a folder of this machine"),
        ("{tmp}/file", "not a folder of this machine"),
        ("{tmp}/studio/data", "the studio's data folder"),
        ("{tmp}/studio/data/artifacts", "the studio's data folder"),
        ("{tmp}/studio", "the studio's data folder"),
        ("{tmp}/link-to-data", "the studio's data folder"),
        ("{tmp}/reference/../studio", "not an absolute path"),
        ("/", "the studio's data folder"),
        ("/proc", "/proc"),
        ("/proc/1", "/proc"),
        ("/dev/shm", "/dev"),
        ("/run", "/run"),
    ],
)
def test_a_folder_that_would_open_the_walls_is_left_out_with_the_reason(tmp_path, data, name, complaint):
    (tmp_path / "file").touch()
    (tmp_path / "link-to-data").symlink_to(data)
    asked = name.format(tmp=tmp_path)
    granted, (problem,) = sort_out([asked], data)
    assert granted == ()
    assert problem.startswith(f"SLIPWAY_READABLE_FOLDERS names {Path(asked)}, which ")
    assert complaint in problem
