"""Builds for targets that run images: what is made, what is made only once, how it fails."""

import json
import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.builds import builds, revision_images
from deployments.collection import collect
from deployments.engines import EngineAddress
from deployments.engines.studio_id import studio_id
from deployments.models import BuiltImage, Target
from deployments.targets import kinds
from registry.store.artifacts import open_artifact
from tests.deployments.service_factories import build_of, deploy, run_build
from tests.docker_engine import BASE_IMAGE
from tests.registry.factories import make_version
from tests.targets import docker_like

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("base_image")]


@pytest.fixture
def boxes(workspace, settings, tmp_path):
    """A target that runs images, on this machine's engine."""
    settings.SLIPWAY = settings.SLIPWAY | {"BASE_IMAGE": BASE_IMAGE, "WHEELS": "", "OFFLINE": False}
    settings.DATA_DIR = tmp_path / "data"
    kind = replace(docker_like.KIND, name="boxes", needs_images=True, engine=lambda _: EngineAddress())
    kinds.register(kind)
    yield Target.objects.create(workspace=workspace, name="boxes", kind="boxes", settings=kind.complete({}))
    kinds.unregister("boxes")


@pytest.fixture(autouse=True)
def _own_images(engine):
    yield
    for image in engine.api.images(filters={"label": f"slipway.studio={studio_id()}"}):
        if "slipway.content" in image["Labels"]:  # those of environments are made once for all tests
            engine.api.remove_image(image["Id"], force=True)


def test_image_of_a_model_without_code_is_built_once(workspace, bob, iris, boxes, engine):
    service = deploy(workspace, bob, iris, built=False, target=boxes)
    build = run_build(service)
    assert build.state == "succeeded", builds.log_path(build).read_text()
    revision = build.revision
    reference = revision_images.image_for(revision, boxes)
    found = engine.api.inspect_image(reference)
    assert found["Config"]["User"] == "65532:65532"
    assert found["Config"]["Entrypoint"] == ["/opt/slipway/environment/bin/python", "-m", "scoring"]
    assert found["Config"]["Labels"]["slipway.model"] == "iris:1"
    assert "ORT_DISABLE_TELEMETRY=1" in found["Config"]["Env"]
    script = "import json; print(json.load(open('/opt/slipway/bundle/bundle.json'))['kind'])"
    told = engine.containers.run(
        reference, ["-c", script], entrypoint="/opt/slipway/environment/bin/python", remove=True, read_only=True
    )
    assert told == b"no_code\n"

    row = BuiltImage.objects.get(reference=reference)
    with open_artifact(row.bill) as bill, open_artifact(row.licences) as licences:
        components = {one["bom-ref"]: one for one in json.load(bill)["components"]}
        listed = licences.read().decode()
    packages = {name.split("@")[0] for name in components}
    assert {"pypi:onnxruntime", "pypi:numpy", "deb:libstdc++6", "model:iris:1"} <= packages
    assert re.search(r"^pypi,onnxruntime,[\d.]+,MIT", listed, re.MULTILINE)

    again = deploy(workspace, bob, iris, name="other", built=False, target=boxes)
    assert build_of(again).state == "succeeded", "an equal content builds nothing"


def test_change_of_the_model_adds_one_layer(workspace, bob, iris, boxes):
    first = run_build(deploy(workspace, bob, iris, built=False, target=boxes)).revision
    second = make_version(workspace, "iris", files={"model.onnx": b"other bytes"})
    started = time.monotonic()
    changed = run_build(deploy(workspace, bob, second, name="changed", built=False, target=boxes)).revision
    assert time.monotonic() - started < 5
    before, after = (revision_images.wanted_image(each, boxes).rows().get().layers for each in (first, changed))
    assert len(before) == len(after)
    assert len([layer for layer in after if layer not in before]) == 2  # the model, and bundle.json that names it


def test_image_that_somebody_removed_is_built_again(workspace, bob, iris, boxes, engine):
    service = deploy(workspace, bob, iris, built=False, target=boxes)
    revision = run_build(service).revision
    reference = revision_images.image_for(revision, boxes)
    engine.api.remove_image(reference, force=True)
    builds.build_again(revision)
    assert revision_images.image_for(revision, boxes) == ""
    assert run_build(service).state == "succeeded"
    assert engine.api.inspect_image(revision_images.image_for(revision, boxes))["Id"] == reference


def test_unused_image_is_collected_and_one_that_a_service_uses_is_not(workspace, bob, alice, iris, boxes, engine):
    service = deploy(workspace, bob, iris, built=False, target=boxes)
    reference = revision_images.image_for(run_build(service).revision, boxes)
    long_ago = timezone.now() - timedelta(days=30)
    BuiltImage.objects.filter(kind="service").update(last_used_at=long_ago)
    assert collected() == []
    assert engine.api.inspect_image(reference)
    service.delete()
    BuiltImage.objects.filter(kind="service").update(last_used_at=long_ago)
    assert [item["kind"] for item in collected() if item["kind"] == "image"] == ["image"]
    assert reference not in [image["Id"] for image in engine.api.images()]
    assert not BuiltImage.objects.filter(kind="service").exists()


def collected():
    return collect.collect_now(dry_run=False).items
