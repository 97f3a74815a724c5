"""A profile at a Docker engine, through the same contract as at this machine."""

from contextlib import suppress

import pytest
from docker.errors import NotFound

from deployments.models import BuiltImage, IsolatedRun, Target
from monitoring.models import Profile
from monitoring.profiles.requests import ProfileRequest, request_profile
from studio.core.job_runner import run_job
from tests.docker_engine import BASE_IMAGE, base_image, engine  # noqa: F401 - fixtures
from tests.engine_client import engine_here
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(workspace, base_image, settings, tmp_path):  # noqa: F811 - the fixtures
    """A target at the engine of this machine; what was made there goes with the test."""
    settings.DATA_DIR = tmp_path / "data"
    settings.SLIPWAY = settings.SLIPWAY | {"BASE_IMAGE": BASE_IMAGE}
    yield Target.objects.create(workspace=workspace, name="box", kind="docker")
    for image in BuiltImage.objects.exclude(image_id="").order_by("-pk"):
        with suppress(NotFound):
            engine_here().remove_image(image.image_id, force=True)


def test_profile_of_containers_tells_memory_and_leaves_nothing(workspace, bob, box):
    make_version(workspace, "iris")
    asked = ProfileRequest(model="iris:1", target="box", latency_ms=500, rate=20, seconds=30, cpu=1, memory_gb=0.5)
    made = request_profile(workspace, bob, asked)
    run_job("profile", made.pk)
    found = Profile.objects.get(pk=made.pk)
    assert (found.state, found.error) == ("succeeded", None)
    assert found.result["verdict"] in ("met", "out of time")
    assert any(point["measured"]["answered"] and point["measured"]["memory"] > 10_000_000 for point in found.points)
    assert not IsolatedRun.objects.exists()
    names = [one["Names"] for one in engine_here().containers(all=True)]
    assert not [each for each in names if f"/slipway-{workspace.slug}-{found.purpose}-" in each[0]]
