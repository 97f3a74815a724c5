"""What several files about the registry share: versions to look at, REST, environments out of tiny wheels."""

import pytest
from django.core.cache import cache

from registry import registration, tasks
from registry.formats.folder import inspect_folder
from tests.registry.factories import make_upload, make_version


@pytest.fixture(autouse=True)
def fresh_cache():
    """Facets are kept for a while; every test starts without."""
    cache.clear()


@pytest.fixture
def registered(workspace, bob):
    """`registered({"model.onnx": b"…"})` registers these files; nobody has looked inside yet."""

    def make(files, **facts):
        sent = [make_upload(workspace, bob, path, content) for path, content in files.items()]
        return registration.register(workspace=workspace, actor=bob, name="iris", files=sent, **facts)

    return make


@pytest.fixture
def inspected(registered):
    """`inspected({...})` registers and has the program look."""

    def make(files, **facts):
        version = registered(files, **facts)
        tasks.inspect_version(version.inspections.get().pk)
        version.refresh_from_db()
        return version

    return make


@pytest.fixture
def look(tmp_path):
    """`look({...})` asks the readers without the process around them, for speed."""

    def make(files, declared=""):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
        return inspect_folder(tmp_path, declared)

    return make


@pytest.fixture
def rest(api, bob):
    """Bob's REST client: he contributes to Vision."""
    return api(bob)


@pytest.fixture
def iris(workspace, bob):
    """A ready version of Bob's, iris:1."""
    return make_version(workspace, "iris", user=bob, tags={"area": "tabular"}, description="# Iris\n\nThree *kinds*.")


@pytest.fixture
def here(iris):
    """Where iris:1 is: `url("version_detail", **here)`."""
    return {"name": "iris", "number": iris.number}
