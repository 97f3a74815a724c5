"""Images of environments, built by a real engine with either builder."""

import secrets
import threading
import time
from io import StringIO

import pytest

from deployments.builds.images import docker_command
from deployments.builds.images.builders import Run
from deployments.builds.images.curated_lock import curated_lock
from deployments.builds.images.environment_image import EnvironmentBuild, environment_image
from deployments.builds.images.recipe import EnvironmentRecipe
from deployments.engines import EngineAddress, EngineProblem
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

    def make(run, base=BASE_IMAGE, **recipe):
        build = EnvironmentBuild(EnvironmentRecipe(base, **recipe), labels={TEST_LABEL: "environment"})
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


def test_step_without_a_shell_in_the_base(builder, made, run, engine, base_image):
    """The base image without its shell: steps in the form of a list still work."""
    lock, removal = "", 'RUN ["/usr/bin/python3", "-c", "import os; os.remove(\'/bin/sh\')"]'
    assert failure(made, run, lock=lock, steps=(removal, "RUN true")).code == "base_without_shell"


def test_base_image_that_is_not_there(made, run, settings):
    error = failure(made, run, lock="", base="127.0.0.1:1/nobody/has:this")
    assert error.code == "registry_unreachable"


def test_engine_that_is_not_running(run, tmp_path):
    build = EnvironmentBuild(EnvironmentRecipe(BASE_IMAGE, ""))
    with pytest.raises(EngineProblem, match="socket"):
        environment_image(EngineAddress(f"unix://{tmp_path}/none.sock"), build, run)


def test_cancelled_build_ends_at_once_and_leaves_nothing(builder, made, tmp_path, engine):
    flag, before = threading.Event(), dangling(engine)
    run = Run(StringIO(), Limits(time.monotonic() + 300, flag.is_set), tmp_path)
    sleep = f'RUN ["/usr/bin/python3", "-c", "print({time.time()}, flush=True); import time; time.sleep(100)"]'
    threading.Timer(5, flag.set).start()
    started = time.monotonic()
    assert failure(made, run, lock="", steps=(sleep,)).code == "build_cancelled"
    assert time.monotonic() - started < 20
    assert not dangling(engine) - before
    assert not [one for one in engine.api.containers() if "time.sleep(100)" in one["Command"]]


def test_build_that_takes_too_long(builder, made, tmp_path):
    run = Run(StringIO(), Limits(time.monotonic() + 4), tmp_path)
    sleep = f'RUN ["/usr/bin/python3", "-c", "print({time.time()}, flush=True); import time; time.sleep(100)"]'
    assert failure(made, run, lock="", steps=(sleep,)).code == "environment_timeout"


def dangling(engine):
    return {image["Id"] for image in engine.api.images(filters={"dangling": True, "label": TEST_LABEL})}
