"""Pages of services that have failed: whoever knows nothing of them finds what happened, where, and what to do next.

The screenshots show them in light, in dark and on a phone.
"""

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from deployments.causes import cause_of, cause_of_error
from deployments.control import advance
from registry.environments.uv import Outcome, Sources
from registry.environments.uv_failures import failure_of
from tests.browser.conftest import look
from tests.deployments.service_factories import build_of, deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import unregister_fake

UNKNOWN = (
    "error: No solution found when resolving dependencies\n  cause: Because nopackage was not found in the package "
    "registry and you require nopackage==1.0, we can conclude that your requirements are unsatisfiable.\n"
)
TRACEBACK = (
    'Traceback (most recent call last):\n  File "bundle/source/score.py", line 4, in init\n'
    "    model = open(path)\nFileNotFoundError: [Errno 2] No such file or directory: 'model.pkl'"
)
BUILDS = {
    "package": lambda: cause_of_error(failure_of(Outcome(1, UNKNOWN), ("nopackage==1.0",), Sources())),
    "disk": lambda: cause_of_error(OSError(28, "No space left on device")),
    "cancelled": lambda: cause_of("build_cancelled"),
}
SHOWN = {
    "package": ["nopackage", "Check the spelling", "environment"],
    "disk": ["The studio's disk is full", "free space", "No space left on device"],
    "cancelled": ["The build was cancelled", "Deploy again"],
}


@pytest.fixture
def fake(workspace, monkeypatch):
    cache.clear()
    yield make_fake_target(workspace, monkeypatch)
    unregister_fake()


@pytest.fixture
def service(workspace, bob, fake):
    return deploy(workspace, bob, make_version(workspace, "iris", user=bob), target=fake.target, built=False)


@pytest.mark.parametrize("kind", BUILDS)
def test_failed_build_tells_cause_and_next_step(open_as, bob, service, kind):
    build = build_of(service)
    type(build).objects.filter(pk=build.pk).update(state="failed", step="environment", error=BUILDS[kind]())
    advance.advance(service.pk)
    page = open_as(bob, "/w/vision/services/iris/")
    for text in SHOWN[kind]:
        expect(page.locator("#service-status")).to_contain_text(text)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    look(page, f"failure-build-{kind}")


def test_failed_start_shows_the_line_of_the_script_and_the_way_to_mend_it(open_as, bob, fake, service):
    build = build_of(service)
    type(build).objects.filter(pk=build.pk).update(state="succeeded", step="bundle", progress=1)
    advance.advance(service.pk)
    cause = cause_of("init_failed", "init() raised: FileNotFoundError: model.pkl", TRACEBACK)
    service.instances.update(phase="Failed", cause=cause)
    advance.advance(service.pk)
    page = open_as(bob, "/w/vision/services/iris/")
    status = page.locator("#service-status")
    expect(status).to_contain_text("init() raised: FileNotFoundError: model.pkl")
    expect(status).to_contain_text("line 4, in init")
    expect(status).to_contain_text("AZUREML_MODEL_DIR")
    expect(status.get_by_role("link", name="Fix and update")).to_be_visible()
    look(page, "failure-start")


def test_failed_reload_says_what_goes_on_and_how_to_send_a_correction(open_as, bob, fake, service):
    type(service).objects.filter(pk=service.pk).update(development=True)
    build = build_of(service)
    type(build).objects.filter(pk=build.pk).update(state="failed", error=cause_of("import_missing"))
    advance.advance(service.pk)
    page = open_as(bob, "/w/vision/services/iris/")
    expect(page.locator("#service-status")).to_contain_text("slipway service reload iris")
    expect(page.get_by_text("Development", exact=True)).to_be_visible()
    look(page, "failure-development")
