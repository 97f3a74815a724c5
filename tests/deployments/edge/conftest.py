import tarfile
from io import BytesIO

import pytest

from deployments.builds.tar_files import Entry
from deployments.edge import archive as archives
from deployments.edge.archive import write_archive
from tests.deployments.service_factories import deploy, run_build
from tests.registry.factories import make_version, onnx_bytes


@pytest.fixture
def data(settings, tmp_path):
    """The studio's data folder of this test alone."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir(mode=0o700)
    return settings.DATA_DIR


@pytest.fixture
def few_packages(monkeypatch, tmp_path):
    """Packing those of the studio takes seconds."""
    package = tmp_path / "small.py"
    package.write_text("size = 'small'")
    monkeypatch.setattr(archives, "package_entries", lambda environment: [Entry("small.py", package)])


@pytest.fixture
def revision(workspace, bob, fake, data):
    """Revision 1 of a service with an ONNX model, built."""
    version = make_version(workspace, "iris", files={"model.onnx": onnx_bytes()})
    service = deploy(workspace, bob, version, name="flowers", built=False, target=fake.target)
    build = run_build(service)
    assert build.state == "succeeded", build.error
    return service.revisions.get()


@pytest.fixture
def archive(revision, tmp_path):
    """Its archive, unpacked."""
    packed = BytesIO()
    write_archive(revision, packed)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar:
        tar.extractall(tmp_path / "device", filter="data")
    return tmp_path / "device" / "flowers-1"
