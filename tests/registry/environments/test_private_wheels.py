"""Private wheels: checked inside and out, locked by hash, installed although others have the same name."""

import io
import zipfile

import pytest

from registry.environments import environments, private_wheels
from registry.environments.paths import python_path
from registry.environments.private_wheels import adopt
from registry.store import artifacts
from studio.core.errors import BadInput
from tests.registry.environments.test_environments import answers
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db


def stored(path, name=""):
    return name or path.name, artifacts.store(io.BytesIO(path.read_bytes()))


@pytest.fixture
def mine(tmp_path):
    """A wheel called like one in the studio's folder, of the same version, with other code."""
    return make_wheel(tmp_path / "mine", "demo-helper", "2.0", code="VERSION = 'mine'\n")


@pytest.fixture
def make(workspace, bob):
    def define(*requirements, private=(), **further):
        facts = {"name": "own", "python_version": "3.11", "requirements": requirements} | further
        return environments.define(workspace=workspace, actor=bob, private=adopt(private), **facts)

    return define


def changed(path, **files):
    """The wheel with members added, replaced, or left out where the text is None."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name).decode() for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (content | files).items():
            if text is not None:
                archive.writestr(name, text)
    return path


def test_private_wheel_is_installed_although_the_folder_of_wheels_has_its_name(wheels, make, mine):
    environment = make("demo", private=[stored(mine)])
    assert [str(wheel) for wheel in environment.wheels.all()] == ["demo_helper-2.0-py3-none-any.whl"]
    environments.install(environment, io.StringIO())
    environment.refresh_from_db()
    assert answers(environment, "import demo, demo_helper; print(demo_helper.VERSION)") == "mine"
    assert "demo-helper==2.0" in environment.lock
    assert "file:" not in environment.lock
    assert environment.wheels.get().artifact.digest in environment.lock


def test_lock_with_a_private_wheel_is_installed_again_from_it(wheels, make, mine):
    environment = make("demo", private=[stored(mine)])
    environments.lock(environment)
    python_path(environment.definition_hash)
    folder = environments.install(environment, io.StringIO())
    (folder / "bin" / "python").unlink()
    environments.install(environment, io.StringIO())
    assert answers(environment, "import demo_helper; print(demo_helper.VERSION)") == "mine"


def test_bytes_of_a_wheel_decide_the_version_and_the_build(make, mine, tmp_path):
    first = make("demo", private=[stored(mine)])
    assert make("demo", private=[stored(mine)]) == first
    other = make_wheel(tmp_path / "other", "demo-helper", "2.0", code="VERSION = 'other'\n")
    second = make("demo", private=[stored(other)])
    assert (second.number, second.definition_hash == first.definition_hash) == (2, False)
    assert make("demo").number == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demo.whl", "'demo.whl' is no name of a wheel."),
        ("demo_helper-2.0.tar.gz", "is no name of a wheel"),
        ("demo_helper-2.1-py3-none-any.whl", "calls itself demo-helper 2.0 inside."),
        ("demo_helper-2.0-cp311-cp311-linux_x86_64.whl", "is for other Pythons or machines than its name says."),
        ("other-2.0-py3-none-any.whl", "has no folder other-….dist-info"),
    ],
)
def test_wheel_whose_name_does_not_fit_is_refused(mine, name, message):
    with pytest.raises(BadInput) as refused:
        adopt([stored(mine, name)])
    assert message in refused.value.message
    assert (refused.value.code, refused.value.field) == ("bad_wheel", "wheels")


INFO = "demo_helper-2.0.dist-info"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"demo_helper.py": "evil = 1\n"}, "demo_helper.py in demo_helper-2.0-py3-none-any.whl is not the file"),
        ({"extra.py": "x"}, "has no hash of extra.py."),
        ({f"{INFO}/RECORD": None}, f"has no {INFO}/RECORD."),
        ({f"{INFO}/METADATA": None}, f"has no {INFO}/METADATA."),
        ({"../up.py": "x"}, "holds a path that leads out of it: ../up.py."),
        ({"/etc/x": "x"}, "holds a path that leads out of it: /etc/x."),
        ({"two-1.dist-info/METADATA": "x"}, "or more than one"),
    ],
)
def test_wheel_whose_content_does_not_fit_is_refused(mine, files, message):
    with pytest.raises(BadInput) as refused:
        adopt([stored(changed(mine, **files))])
    assert message in refused.value.message


def test_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "demo_helper-2.0-py3-none-any.whl"
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(BadInput, match="cannot be read as a zip archive"):
        adopt([stored(path)])


def test_wheel_that_unpacks_to_too_much_is_refused(mine, monkeypatch):
    monkeypatch.setattr(private_wheels, "MAX_UNPACKED", 10)
    with pytest.raises(BadInput, match="unpacks to more than"):
        adopt([stored(mine)])


def test_two_wheels_of_a_package_and_wheels_for_another_python_are_refused(make, mine, tmp_path):
    newer = make_wheel(tmp_path / "mine", "demo-helper", "3.0")
    with pytest.raises(BadInput, match="are wheels of the same package"):
        make(private=[stored(mine), stored(newer)])
    path = make_wheel(tmp_path / "x", "demo-helper", "2.0", tag="cp39-cp39-linux_x86_64")
    with pytest.raises(BadInput, match=r"is not for Python 3\.11 on linux"):
        make(private=[stored(path)])


def test_python_of_an_image_is_resolved_for_without_being_here(wheels, make):
    environment = make("demo", python_version="3.9", base_image="python:3.9-slim")
    assert "demo-helper==2.0" in environments.lock(environment)
