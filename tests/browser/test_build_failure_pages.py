"""Builds that fail on a real engine: the page tells whoever knows nothing of it what happened and what to do next.

What cannot be provoked without harm, such as a full disk or a missing compiler, is read from texts in
tests/deployments/builds/images/test_failures.py. The screenshots show each page in light, in dark and on a phone.
"""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from deployments.control import advance
from deployments.engines import EngineAddress
from deployments.services import registries
from deployments.targets import kinds
from registry.environments import environments
from tests.browser.conftest import look
from tests.deployments.builds.test_image_builds import boxes
from tests.deployments.service_factories import deploy, make_config, run_build
from tests.docker_engine import base_image, engine
from tests.image_registry import registry_at
from tests.registry.factories import make_version
from tests.registry.wheels import make_wheel, serve_wheels

pytestmark = pytest.mark.usefixtures("base_image")
__all__ = ["base_image", "boxes", "engine"]  # fixtures


@pytest.fixture
def script_in(workspace, bob, boxes, tmp_path, settings, monkeypatch):
    """Builds a script's image in an environment that is defined so; packages come from a folder alone."""
    folder = serve_wheels(tmp_path, settings, monkeypatch, runtime="demo-helper\n")
    make_wheel(folder, "demo-helper")

    def build(*requirements, **further):
        config = make_config(workspace, bob)
        config.environment = environments.define(
            workspace=workspace,
            actor=bob,
            name="own",
            python_version="3.11",
            requirements=list(requirements),
            **further,
        )
        config.save()
        return failed(deploy(workspace, bob, config=config, built=False, target=boxes))

    return build


def failed(service):
    """The service after its build has run; what made it fail is real."""
    build = run_build(service)
    assert build.state == "failed"
    advance.advance(service.pk)
    return build


def shows(page, name, *texts):
    status = page.locator("#service-status")
    for text in texts:
        expect(status).to_contain_text(text)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    look(page, f"failure-image-{name}")


def test_requirement_that_does_not_exist(open_as, bob, script_in):
    script_in("nopackage==1.0")
    shows(open_as(bob, "/w/vision/services/iris/"), "package", "nopackage", "environment")


def test_docker_step_that_fails(open_as, bob, script_in):
    script_in(docker_steps=["RUN echo 'driver.conf: unknown key speed' >&2; exit 3"])
    page = open_as(bob, "/w/vision/services/iris/")
    shows(
        page,
        "step",
        "A Docker step ended with status 3",
        "correct the environment's Docker steps",
        "driver.conf: unknown key speed",
    )


def test_base_image_that_is_not_there(open_as, bob, script_in, tmp_path):
    with registry_at(tmp_path / "registry") as address:
        script_in(base_image=f"{address}/python:none")
        page = open_as(bob, "/w/vision/services/iris/")
        shows(page, "base-image", f"{address}/python:none", "does not exist", "name and tag")


def test_registry_that_wants_a_login(open_as, workspace, alice, bob, boxes, tmp_path):
    with registry_at(tmp_path / "registry", user="ci", password="S3cret-of-ci") as address:  # pragma: allowlist secret
        registries.add_registry(workspace, alice, "company", address=f"{address}/models", push=True)
        failed(deploy(workspace, bob, make_version(workspace, "iris", user=bob), built=False, target=boxes))
        page = open_as(bob, "/w/vision/services/iris/")
        shows(page, "login", "does not let the studio in", "Settings, Registries")


def test_engine_that_does_not_run(open_as, workspace, bob, boxes, tmp_path):
    away = replace(kinds.kind_of("boxes"), engine=lambda _: EngineAddress(f"unix://{tmp_path}/docker.sock"))
    kinds.register(away)
    failed(deploy(workspace, bob, make_version(workspace, "iris", user=bob), built=False, target=boxes))
    shows(open_as(bob, "/w/vision/services/iris/"), "engine", "There is no engine socket", "Install and start Docker")
