"""What an environment says of images, built by a real engine: private wheels, steps, packages of conda."""

import io

import pytest

from deployments.builds import builds, revision_images
from registry.environments import environments
from registry.environments.private_wheels import adopt
from registry.store import artifacts
from tests.deployments.builds.test_image_builds import _own_images, boxes
from tests.deployments.service_factories import deploy, make_config, run_build
from tests.registry.wheels import make_wheel, serve_wheels

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("base_image", "_own_images")]
__all__ = ["_own_images", "boxes"]  # fixtures


@pytest.fixture
def built(workspace, bob, boxes, tmp_path, settings, monkeypatch):
    """Builds a script's image in an environment that is defined so; packages come from a folder alone."""
    folder = serve_wheels(tmp_path, settings, monkeypatch, runtime="demo-helper\n")
    make_wheel(folder, "demo-helper", code="VERSION = 'others'\n")
    mine = make_wheel(tmp_path / "mine", "demo-helper", code="VERSION = 'mine'\n")

    def build(**further):
        config = make_config(workspace, bob)
        config.environment = environments.define(
            workspace=workspace,
            actor=bob,
            name="own",
            python_version="3.11",
            requirements=[],
            private=adopt([(mine.name, artifacts.store(io.BytesIO(mine.read_bytes())))]),
            **further,
        )
        config.save()
        return run_build(deploy(workspace, bob, config=config, built=False, target=boxes))

    return build


def test_image_has_the_private_wheel_and_the_steps(built, boxes, engine):
    build = built(docker_steps=['ENV QUOTED="it\'s \\"quoted\\""', "ENV TWO=2 \\\n    THREE=3"])
    assert build.state == "succeeded", builds.log_path(build).read_text()
    script = "import os, demo_helper; print(demo_helper.VERSION, os.environ['QUOTED'], os.environ['THREE'])"
    told = engine.containers.run(
        revision_images.image_for(build.revision, boxes),
        ["-c", script],
        entrypoint="/opt/slipway/environment/bin/python",
        remove=True,
    )
    assert told.decode() == 'mine it\'s "quoted" 3\n'


def test_packages_of_conda_on_a_base_without_conda_fail_with_the_reason(built):
    build = built(conda={"dependencies": ["libgdal=3.9"]})
    assert build.state == "failed"
    assert "neither micromamba, mamba nor conda" in builds.log_path(build).read_text()
