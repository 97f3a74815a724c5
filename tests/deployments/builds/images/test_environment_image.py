"""Images of environments, built by a real engine with either builder."""

import secrets
import time
from io import StringIO

import pytest

from deployments.builds.images import docker_command
from deployments.builds.images.builders import Run
from deployments.builds.images.curated_lock import curated_lock
from deployments.builds.images.environment_image import EnvironmentBuild, environment_image
from deployments.builds.images.recipe import EnvironmentRecipe
from deployments.engines import EngineAddress
from registry.environments.uv import Limits
from studio.core.errors import SlipwayError
from tests.conftest import require
from tests.docker_engine import BASE_IMAGE, TEST_LABEL

HERE = EngineAddress()


@pytest.fixture
def run(tmp_path):
    return Run(StringIO(), Limits(time.monotonic() + 300), tmp_path)


@pytest.fixture(params=["buildkit", "classic"])
def builder(request, settings, engine, base_image):
    settings.SLIPWAY = settings.SLIPWAY | {"BUILDER": request.param, "WHEELS": "", "OFFLINE": False}
    if request.param == "buildkit" and docker_command._command() is None:
        require("docker", "no docker command here offers BuildKit")
    return request.param


@pytest.fixture
def made(engine):
    """Build recipes; what came of them is removed at the end."""
    builds = []

    def make(run, **recipe):
        build = EnvironmentBuild(EnvironmentRecipe(BASE_IMAGE, **recipe), labels={TEST_LABEL: "environment"})
        builds.append(build)
        return environment_image(HERE, build, run)

    yield make
    for build in builds:
        for image in engine.api.images(filters={"reference": build.tag}):
            engine.api.remove_image(image["Id"], force=True)


def unique():
    """A step that no build has done before, so that nothing comes from the builder's cache."""
    return f"ENV UNIQUE={secrets.token_hex(8)}"


LOCK = """iniconfig==2.1.0 \\
    --hash=sha256:9deba5723312380e77435581c6bf4935c94cbfab9b1ed33ef8d238ea168eb760
"""


def test_locked_packages_are_in_the_image_and_nothing_of_the_build(builder, made, run, engine):
    image = made(run, lock=LOCK, python_version="3.11", steps=('ENV GREETING="a b"', unique()))
    script = "import iniconfig, os; print(iniconfig.__file__, os.environ['GREETING'], os.listdir('/'))"
    command = ["/opt/slipway/environment/bin/python", "-c", script]
    told = engine.containers.run(image["Id"], command, remove=True, network_mode="none", labels={TEST_LABEL: ""})
    assert told.startswith(b"/opt/slipway/environment/lib/python3.11/site-packages/iniconfig/__init__.py a b ")
    assert b"'slipway'" not in told
    assert not engine.api.images(filters={"dangling": True, "label": f"{TEST_LABEL}=environment"})
    assert "iniconfig==2.1.0" in run.log.getvalue()


def test_second_build_of_the_same_recipe_builds_nothing(builder, made, run):
    first = made(run, lock=LOCK)
    started = time.monotonic()
    assert made(run, lock=LOCK)["Id"] == first["Id"]
    assert time.monotonic() - started < 1


def test_curated_runtime_computes(made, run, engine, base_image, settings):
    image = made(run, lock=curated_lock())
    command = ["/opt/slipway/environment/bin/python", "-c", "import onnxruntime; print(onnxruntime.__version__)"]
    assert engine.containers.run(image["Id"], command, remove=True, user="65532:65532", network_mode="none")
    below = engine.api.inspect_image(base_image)["Size"]
    assert image["Size"] - below < 250_000_000


def failure(made, run, **recipe):
    with pytest.raises(SlipwayError) as caught:
        made(run, **recipe)
    return caught.value


def test_hash_that_does_not_fit_is_named(builder, made, run):
    error = failure(made, run, lock=LOCK.replace("9deba", "00000"))
    assert error.code == "hash_mismatch"


def test_python_that_the_base_lacks_is_named(builder, made, run):
    error = failure(made, run, lock="", python_version="3.9")
    assert (error.code, BASE_IMAGE in error.message) == ("python_missing", True)


def test_failing_step_is_named_with_what_it_printed(builder, made, run):
    error = failure(made, run, lock="", steps=("RUN echo 'about \"to\" fail' && false",))
    assert error.code == "step_failed"
    assert 'about "to" fail' in error.message + error.evidence


def test_step_that_is_no_instruction(builder, made, run):
    assert failure(made, run, lock="", steps=("INSTALL gcc",)).code == "dockerfile_invalid"
