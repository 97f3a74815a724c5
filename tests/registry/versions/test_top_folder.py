"""The folder that a version was registered from: its name is kept, its files' paths are below it."""

import pytest

from registry.errors import UnsafePath
from registry.models import ModelVersion
from registry.versions.top_folder import common, kept
from tests.pages import url
from tests.registry.factories import make_upload
from tests.registry.rest_answers import BASE

pytestmark = pytest.mark.django_db
PATHS = ["config.json", "sub/f.pkl"]


def test_the_name_is_kept_beside_the_paths():
    assert kept("model", PATHS) == ("model", PATHS)
    assert kept("", PATHS) == ("", PATHS)
    assert kept("sub", PATHS) == ("sub", PATHS)


def test_folder_that_holds_a_file_of_its_own_name_stays_in_the_paths():
    assert kept("model", ["model", "x"]) == ("", ["model/model", "model/x"])


@pytest.mark.parametrize("name", ["../model", "a/b", "/model", "C:", "a\\b", "."])
def test_invalid_folder_name_is_rejected(name):
    with pytest.raises(UnsafePath):
        kept(name, PATHS)


def test_common_folder_is_the_first_part_of_every_path():
    assert common(["model/a", "model/sub/b"]) == "model"
    assert common(["model/a", "readme.md"]) == ""
    assert common(["model/a", "other/b"]) == ""
    assert common(["a"]) == ""


def test_rest_and_page_store_the_same_paths(workspace, bob, rest, sign_in):
    sent = rest.post(
        f"{BASE}/versions",
        {"name": "m", "folder": "model", "files": [str(make_upload(workspace, bob, path=path).pk) for path in PATHS]},
    )
    assert (sent.status_code, sent.json()["folder"]) == (201, "model")
    uploads = [str(make_upload(workspace, bob, path=f"model/{path}").pk) for path in PATHS]
    sign_in(bob).post(url("model_register"), {"name": "m", "uploads": uploads})
    first, second = ModelVersion.objects.order_by("number")
    for version in (first, second):
        assert version.folder == "model"
        assert sorted(version.files.values_list("path", flat=True)) == PATHS


def test_files_without_a_common_folder_keep_their_paths(workspace, bob, sign_in):
    uploads = [str(make_upload(workspace, bob, path=path).pk) for path in ("model/a", "readme.md")]
    sign_in(bob).post(url("model_register"), {"name": "m", "uploads": uploads})
    version = ModelVersion.objects.get()
    assert (version.folder, sorted(version.files.values_list("path", flat=True))) == ("", ["model/a", "readme.md"])
