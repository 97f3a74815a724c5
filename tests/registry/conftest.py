"""Fixtures of the registry's tests: registered and inspected versions, a REST client, environments from tiny wheels."""

import pytest
from django.core.cache import cache

from registry.environments import environments
from registry.inspection.formats.folder import inspect_folder
from registry.versions import registration
from studio.core.job_runner import run_job
from tests.registry.factories import make_upload, make_version
from tests.registry.wheels import make_wheel, serve_wheels


@pytest.fixture(autouse=True)
def fresh_cache():
    """Facets are cached; every test starts with an empty cache."""
    cache.clear()


@pytest.fixture
def registered(workspace, bob):
    """`registered({"model.onnx": b"…"})` registers these files; they are not inspected yet."""

    def make(files, **facts):
        sent = [make_upload(workspace, bob, path, content) for path, content in files.items()]
        return registration.register(workspace=workspace, actor=bob, name="iris", files=sent, **facts)

    return make


@pytest.fixture
def inspected(registered):
    """`inspected({...})` registers these files and inspects them in the sandboxed process."""

    def make(files, **facts):
        version = registered(files, **facts)
        run_job("inspection", version.inspections.get().pk)
        version.refresh_from_db()
        return version

    return make


@pytest.fixture
def read_formats(tmp_path):
    """`read_formats({...})` inspects the formats in this process, for speed."""

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


@pytest.fixture
def wheels(tmp_path, settings, monkeypatch):
    """A folder of wheels in place of the index, and a scoring server that needs only `demo-runtime`."""
    folder = serve_wheels(tmp_path, settings, monkeypatch, runtime="demo-runtime\n")
    make_wheel(folder, "demo-runtime")
    make_wheel(folder, "demo", needs=("demo-helper>=1",))
    make_wheel(folder, "demo-helper")
    make_wheel(folder, "demo-helper", "2.0")
    return folder


@pytest.fixture
def define(workspace, bob):
    """`define("demo>=1", python="3.11")` is the next version of the environment `demo`."""

    def make(*requirements, name="demo", python="3.11", where=workspace):
        return environments.define(
            workspace=where, actor=bob, name=name, python_version=python, requirements=requirements
        )

    return make
