"""Every page of the URL map that a member may open: accessible, no wider than a phone, no error in the console."""

import pytest
from django.test import Client

from deployments.edge.devices import add_device
from deployments.models import BuiltBundle, BuiltImage, DeviceRollout, EdgeExport, Package, Phase, Rollout, Service
from deployments.rollouts.moving import as_json
from deployments.rollouts.steps import Plan
from deployments.services.client_keys import Limits, create_client_key
from deployments.services.rollouts import DEFAULT_STEPS
from studio.accounts.models import Role
from studio.people.invitations import create_invitation
from studio.people.tokens import create_token
from tests.browser.conftest import DESK, PHONE, axe_findings
from tests.deployments.service_factories import deploy, make_config
from tests.monitoring.profiles.factories import make_ended_profile
from tests.registry.factories import make_conversion, make_version, onnx_bytes
from tests.routes import Route, all_routes

MODES = {"dark": ("dark", DESK), "phone": ("light", PHONE), "light": ("light", DESK)}
LONG = "customer-churn-of-the-northern-region-by-quarter"
NO_PAGE = {302, 405}  # answers to GET of addresses that only redirect or only take what is sent
QUERIES = {
    "w/<slug:workspace>/services/<slug:name>/rollback/": "?revision=1",
    "w/<slug:workspace>/services/<slug:name>/traffic/promote/": "?revision=2",
    "w/<slug:workspace>/services/<slug:name>/traffic/take-out/": "?revision=2",
    "w/<slug:workspace>/services/<slug:name>/keys/regenerate/": "?slot=primary",
    "w/<slug:workspace>/models/<str:name>/<int:number>/": "?tab=files&file=README.md",
    "w/<slug:workspace>/deploy/": f"?version={LONG}:1",
}
STICKING_OUT = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > innerWidth + 1
        && !each.closest('.table, pre')).map(each => each.outerHTML.slice(0, 80)).slice(-2)"""
# Scripts hear of the other theme in one frame, and what they change is drawn in the next.
END_TRANSITIONS = """async () => {
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    document.getAnimations().filter(each => each instanceof CSSTransition).forEach(each => each.finish());
}"""
APPS = ["registry", "deployments", "monitoring", "studio"]


@pytest.fixture
def administrator(alice):
    """Alice, who also administers the studio: no page and no button is hidden from her."""
    alice.is_superuser = True
    alice.save()
    return alice


@pytest.fixture
def examples(workspace, administrator, bob):
    """The values of all parameters of the URL map, by the first part of the address below the workspace."""
    files = {"model.onnx": onnx_bytes(), "README.md": b"# Churn\n" + b"Which customers leave. " * 20}
    version = make_version(workspace, LONG, user=administrator, files=files, tags={"area": "tabular", "owner": LONG})
    config = make_config(workspace, administrator, "requests>=2.0,<3")
    service = deploy(workspace, administrator, version, name=LONG, description="Which customers leave")
    Service.objects.filter(pk=service.pk).update(phase=Phase.HEALTHY)
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get().content_hash)
    deploy(workspace, administrator, version, name=LONG, overwrite=True, built=False)
    service.refresh_from_db()
    create_client_key(service, administrator, LONG, Limits(requests_a_day=100_000, rows_a_day=2_000_000))
    Rollout.objects.create(service=service, control=1, candidate=2, plan=as_json(Plan(DEFAULT_STEPS)), reason=LONG)
    failed = deploy(workspace, administrator, version, name="failed")
    cause = {"code": "init_failed", "message": "init() raised KeyError.", "hint": "Set MODEL.", "evidence": "Traceback"}
    Service.objects.filter(pk=failed.pk).update(phase=Phase.FAILED, cause=cause)
    export = EdgeExport.objects.create(
        service=service, revision=service.revisions.first(), digest="0" * 64, state="succeeded", size_bytes=1
    )
    export.path.parent.mkdir(parents=True, exist_ok=True)
    export.path.write_bytes(b"archive")
    text = version.files.get(path="README.md").artifact
    place = {"image_hash": "0" * 64, "place": "unix:///var/run/docker.sock", "tag": f"slipway/service:{'0' * 32}"}
    image = BuiltImage.objects.create(
        workspace=workspace, models_in=[f"{LONG}:1"], bill=text, licences=text, image_id="x", reference="x", **place
    )
    package = Package.objects.create(
        workspace=workspace, version=version, config=config, digest="0" * 64, state="succeeded", size_bytes=1
    )
    package.path.parent.mkdir(parents=True, exist_ok=True)
    package.path.write_bytes(b"archive")
    profile = make_ended_profile(workspace, administrator, version, name=LONG[:63])
    plant = workspace.targets.create(name="plant", kind="edge")
    device, _ = add_device(plant, administrator, LONG, ["canary"])
    problem = {"message": "The runtime cannot load the model file.", "hint": "Export it again."}
    told = {"state": "failed", "running": 1, "wanted": 2, "problem": problem}
    device.report = {"services": {str(service.pk): told}, "problem": problem}
    device.last_seen_at = service.created_at
    device.save()
    DeviceRollout.objects.create(target=plant, service=service, state="stopped", reason=LONG)
    workspace.registries.create(name="plant", address="registry.example.org/models", username=LONG)
    invitation, secret = create_invitation(workspace, role=Role.VIEWER, note=LONG, actor=administrator)
    token, _ = create_token(administrator, workspace, name=LONG)
    return {
        "models": {"name": LONG, "number": 1, "path": "model.onnx"},
        "environments": {"name": config.environment.name, "number": 1},
        "configs": {"name": config.name, "number": 1},
        "services": {"name": LONG, "key": LONG, "export": export.pk},
        "images": {"image": image.pk},
        "packages": {"package": package.pk},
        "conversions": {"conversion": make_conversion(version, administrator).pk},
        "profiles": {"profile": profile.pk},
        "settings": {
            "name": "plant",
            "device": LONG,
            "service": LONG,
            "token": token.pk,
            "invitation": invitation.pk,
            "username": "alice",
        },
        "invitations": {"secret": secret},
        "people": {"username": "bob"},
    }


@pytest.mark.parametrize("app", APPS)
def test_pages_are_accessible_fit_a_phone_and_raise_no_error(open_as, sign_in, administrator, examples, app):
    page = open_as(administrator)
    root, found = page.url.partition("/w/")[0], []
    waiting = addresses(app, sign_in(administrator), examples)
    assert waiting, f"no page of {app} was found"
    for address in waiting:
        page.goto(root + address, wait_until="networkidle")
        page.locator("h1").first.wait_for()  # scripts draw the API page after the network has become idle
        waiting += [tab for tab in tabs_of(page) if tab not in waiting]
        found += [f"{address} {finding}" for finding in findings_of(page)]
    assert not found, "\n".join(found)


def app_of(route: Route) -> str:
    """The app whose pages they are; those of Django and of other packages count to the studio's."""
    package = route.view.__module__.partition(".")[0]
    return package if package in APPS else "studio"


def addresses(app: str, client: Client, examples: dict[str, dict]) -> list[str]:
    """Where the pages of an app are. What answers with a part of a page, a file or a redirect is none."""
    found = []
    for route in all_routes():
        if route.is_rest or app_of(route) != app:
            continue
        place = route.pattern.removeprefix("w/<slug:workspace>/").partition("/")[0]
        address = route.path(**examples.get(place, {})) + QUERIES.get(route.pattern, "")
        answer = client.get(address)
        if not answer.headers["Content-Type"].startswith("text/html") or answer.status_code in NO_PAGE:
            continue
        assert answer.status_code == 200, f"{address} is no example of {route}"
        if b"<html" in answer.content:
            found.append(address)
    return found


def tabs_of(page) -> list[str]:
    return page.locator(".tabs a").evaluate_all("links => links.map(link => link.pathname + link.search)")


def findings_of(page) -> list[str]:
    found = []
    for mode, (scheme, size) in MODES.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate(END_TRANSITIONS)
        found += [f"{mode}: {finding}" for finding in axe_findings(page)]
        found += [f"{mode}: wider than the window: {element}" for element in page.evaluate(STICKING_OUT)]
    return found
