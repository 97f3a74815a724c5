"""Packages: what is in them, and that they work where there is nothing of the studio."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

from deployments.builds.job_files import remove_old_files
from deployments.models import Package
from deployments.packages.context import pip_wheel
from deployments.packages.packages import PackageRequest, request_package
from deployments.packages.texts import ContextFacts, dockerfile, readme
from studio.activity.models import Event
from studio.core.errors import BadInput, NotFound
from studio.core.job_runner import run_job
from tests.deployments.builds.test_image_runs import started  # noqa: F401 - a fixture
from tests.deployments.service_factories import deploy
from tests.docker_engine import BASE_IMAGE, TEST_LABEL

FACTS = ContextFacts(
    "iris:1 of vision",
    "iris-1",
    "python:3.11-slim",
    ("iris:1",),
    {"slipway.model": "iris:1"},
    variables={"A": 'a "$b"'},
)
BODY = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("offline", [True, False])
def test_dockerfile_passes_hadolint(tmp_path, offline):
    facts = ContextFacts(**(vars(FACTS) | {"offline": offline, "has_options": True}))
    (tmp_path / "Dockerfile").write_text(dockerfile(facts))
    hadolint = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([hadolint, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_dockerfile_drops_privileges_and_quotes_values():
    text = dockerfile(FACTS)
    assert "USER 65532:65532" in text
    assert 'A="a \\"\\$b\\""' in text
    assert "HEALTHCHECK --interval=30s" in text
    assert re.search(r'^ENTRYPOINT \["/opt/slipway/environment/bin/python", "-m", "scoring"\]$', text, re.MULTILINE)


def test_readme_says_how_to_build_and_run_it():
    text = readme(FACTS)
    assert "docker build --tag iris-1 ." in text
    assert "docker run --rm --publish 8080:5001" in text


def test_installer_of_a_package_is_a_wheel_of_pip():
    assert re.fullmatch(r"pip-[\d.]+-py3-none-any\.whl", pip_wheel().name)


# --- asking ---------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    settings.SLIPWAY = settings.SLIPWAY | {"BASE_IMAGE": BASE_IMAGE, "WHEELS": "", "OFFLINE": False}


def packed(workspace, person, **asked):
    package = request_package(workspace, person, PackageRequest(**asked))
    run_job("package", package.pk)
    package.refresh_from_db()
    assert package.state == "succeeded", package.error
    return package


def unpacked(package, folder):
    with tarfile.open(package.path) as archive:
        archive.extractall(folder, filter="data")
    return folder / package.stem


@pytest.mark.usefixtures("here")
def test_context_of_a_version_holds_all_but_the_packages(workspace, bob, iris, tmp_path):
    root = unpacked(packed(workspace, bob, model="iris:1"), tmp_path)
    assert {path.name for path in root.iterdir()} >= {
        "Dockerfile",
        "README.md",
        "requirements.lock",
        "bundle",
        "library",
    }
    assert json.loads((root / "bundle" / "bundle.json").read_text())["kind"] == "no_code"
    assert (root / "library" / "scoring" / "__main__.py").is_file()
    assert "onnxruntime==" in (root / "requirements.lock").read_text()
    assert Event.objects.filter(action="package.created").exists()
    assert "pypi:onnxruntime@" in (root / "sbom.cdx.json").read_text()
    assert ",MIT" in (root / "licences.csv").read_text()


@pytest.mark.usefixtures("here")
def test_equal_packages_are_equal_files(workspace, bob, iris):
    first, second = (packed(workspace, bob, model="iris:1") for _ in range(2))
    assert (first.digest, first.pk) != ("", second.pk)
    assert first.digest == second.digest


@pytest.mark.usefixtures("here")
def test_context_of_a_revision_has_its_options(workspace, bob, iris, fake, tmp_path):
    deploy(workspace, bob, iris, target=fake.target, deployment_config={"scoring_timeout_seconds": 7})
    root = unpacked(packed(workspace, bob, service="iris"), tmp_path)
    assert json.loads((root / "options.json").read_text())["scoring_timeout_seconds"] == 7
    assert "keys" not in (root / "options.json").read_text()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, BadInput),
        ({"model": "iris:1", "service": "iris"}, BadInput),
        ({"model": "iris:1", "form": "zip"}, BadInput),
        ({"model": "iris:7"}, NotFound),
        ({"service": "nobody"}, NotFound),
    ],
)
def test_what_cannot_be_packed_is_refused(workspace, bob, iris, asked, error):
    with pytest.raises(error):
        request_package(workspace, bob, PackageRequest(**asked))


def test_package_that_is_under_way_is_given_again(workspace, bob, iris):
    first = request_package(workspace, bob, PackageRequest(model="iris:1"))
    assert request_package(workspace, bob, PackageRequest(model="iris:1")) == first
    assert request_package(workspace, bob, PackageRequest(model="iris:1", offline=True)) != first


@pytest.mark.usefixtures("here")
def test_files_go_after_a_week_and_the_row_stays(workspace, bob, iris):
    package = packed(workspace, bob, model="iris:1")
    Package.objects.update(finished_at="2026-01-01T00:00Z")
    remove_old_files(Package)
    package.refresh_from_db()
    assert (package.can_be_downloaded, package.path.exists()) == (False, False)


# --- with a real engine, and nothing of the studio ------------------------------------------------


@pytest.mark.usefixtures("here", "base_image")
def test_offline_context_is_built_without_network_by_plain_docker_and_scores(
    workspace,
    bob,
    iris,
    tmp_path,
    engine,
    started,  # noqa: F811
):
    root = unpacked(packed(workspace, bob, model="iris:1", offline=True), tmp_path)
    image, _ = engine.images.build(
        path=str(root), tag="slipway-test-package:1", network_mode="none", forcerm=True, labels={TEST_LABEL: "package"}
    )
    try:
        address = started(image.id, SLIPWAY_KEY="secret-key")
        sent = {"json": BODY, "headers": {"Authorization": "Bearer secret-key"}}
        answer = httpx.post(f"{address}/v2/models/iris/infer", **sent)
        assert answer.json()["outputs"][0]["data"] == [1, 2, 3, 4]
        assert httpx.post(f"{address}/v2/models/iris/infer", json=BODY).status_code == 401
    finally:
        started.stop()
        engine.images.remove(image.id, force=True)


@pytest.mark.usefixtures("here", "base_image")
def test_package_as_an_image_checks_its_own_health(workspace, bob, iris, engine):
    package = packed(workspace, bob, model="iris:1", form="image")
    found = engine.api.inspect_image(package.reference)
    assert found["Config"]["Healthcheck"]["Interval"] == 30 * 10**9
    assert found["Config"]["Labels"]["slipway.model"] == "iris:1"
    engine.images.remove(package.reference, force=True)
