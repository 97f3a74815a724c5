"""Permissions of every role at every address.

The cases are made from the URL map. An address that is meant to be an exception stands in one of the three
lists below, with its reason.
"""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from deployments.services.create import create_service, local_target
from studio.accounts.models import Access, ApiToken, Membership, Role, User
from studio.accounts.rest import InWorkspace
from studio.people.tokens import create_token, revoke_token
from tests.routes import SAFE, Route, all_routes

pytestmark = pytest.mark.django_db

PUBLIC = {
    "healthz": "asked by load balancers and by `make run`; names no one's data",
    "sign-in/": "the way in",
    "invitations/<str:secret>/": "whoever has the link may see what it offers, see tests/people",
    "password/<uidb64>/<token>/": "whoever has the link may choose a password, see tests/people",
    "api/v1/sign-in": "the way in for programs",
    "api/v1/front/report": "the front comes with a token of its own, see tests/monitoring",
    "api/v1/edge/poll": "devices come with keys of their own, see tests/deployments/edge",
    "api/v1/edge/parts/<slug:digest>": "the same",
    "api/v1/edge/agent.pyz": "the same",
    "api/v1/edge/telemetry": "the same",
    "api/v1/telemetry": "services come with their own token, see tests/monitoring",
    "api/v1/openapi.json": "documentation: the same for everybody",
    "api/": "documentation: the same for everybody",
}
PERSONAL = {  # (address, method): what a viewer may change
    ("w/<slug:workspace>/settings/tokens/", "POST"): "everybody makes tokens of their own",
    ("w/<slug:workspace>/settings/tokens/<int:token>/revoke/", "POST"): "everybody revokes their own tokens",
    ("api/v1/workspaces/<slug:workspace>/tokens", "POST"): "everybody makes tokens of their own",
    ("api/v1/workspaces/<slug:workspace>/tokens/<int:pk>", "DELETE"): "everybody revokes their own tokens",
    ("w/<slug:workspace>/services/<slug:name>/token/", "POST"): "who may see a service may call it with a token",
    ("api/v1/workspaces/<slug:workspace>/services/<slug:name>/token", "POST"): "the same for programs",
}
NOT_THIS_METHOD = 405  # said before the workspace is looked at, so it tells nothing

ROUTES = all_routes()
OURS = [route for route in ROUTES if route.in_workspace]
ADMINISTRATION = [
    pytest.param(route, method, id=f"{method} {route}")
    for route in ROUTES
    if route.pattern.startswith("api/v1/admin/")
    for method in route.methods()
]
CALLS = [pytest.param(route, method, id=f"{method} {route}") for route in OURS for method in route.methods()]
WRITES = [
    pytest.param(route, method, id=f"{method} {route}")
    for route in OURS
    for method in route.unsafe_methods()
    if (route.pattern, method) not in PERSONAL
]
REST_CALLS = [case for case in CALLS if case.values[0].is_rest]
REST_WRITES = [case for case in WRITES if case.values[0].is_rest]
CLOSED = [
    pytest.param(route, method, id=f"{method} {route}")
    for route in ROUTES
    if route.pattern not in PUBLIC
    for method in route.methods()
]


def call(client: Client, route: Route, method: str, workspace: str = "vision"):
    if method in SAFE:
        return client.generic(method, route.path(workspace))
    return client.generic(method, route.path(workspace), "{}", content_type="application/json")


def test_listed_exceptions_exist():
    assert set(PUBLIC) <= {route.pattern for route in ROUTES}
    assert set(PERSONAL) <= {(route.pattern, method) for route in OURS for method in route.methods()}


@pytest.mark.parametrize("route", OURS, ids=str)
def test_every_workspace_address_declares_its_role(route):
    rest_view = route.view_class is not None and issubclass(route.view_class, InWorkspace)

    assert rest_view or hasattr(route.view, "required_roles")


@pytest.mark.parametrize(("route", "method"), CLOSED)
def test_unauthenticated_requests_are_refused(client, workspace, route, method):
    answer = call(client, route, method)

    if route.is_rest:
        assert answer.status_code == 401
    else:
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/sign-in/")


@pytest.fixture
def invalid_tokens(bob, workspace):
    """What looks like a token and authenticates nobody."""
    service = create_service(workspace, bob, "prices", local_target(workspace))
    expired, revoked = (create_token(bob, workspace, name=name, access=Access.WRITE) for name in ("old", "revoked"))
    ApiToken.objects.filter(pk=expired[0].pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    revoke_token(revoked[0].pk, workspace=workspace, actor=bob)
    gone = User.objects.create_user("dave", password="a-long-password")
    Membership.objects.create(user=gone, workspace=workspace, role=Role.ADMIN)
    token_of_gone = create_token(gone, workspace, name="dave's", access=Access.WRITE)[1]
    gone.is_active = False
    gone.save()
    return {
        "a deactivated person's": token_of_gone,
        "expired": expired[1],
        "revoked": revoked[1],
        "garbage": "slw_garbage",
        "a service's key": service.keys.first().value,
        "a service's telemetry token": service.telemetry_token or "none",
        "empty": "",
    }


@pytest.mark.parametrize(("route", "method"), [case for case in CLOSED if case.values[0].is_rest])
def test_invalid_tokens_are_rejected_before_the_workspace_is_looked_up(client, invalid_tokens, route, method):
    for kind, secret in invalid_tokens.items():
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        statuses = [call(client, route, method, workspace=name).status_code for name in ("vision", "no-such-place")]
        assert statuses == [401, 401], kind


@pytest.mark.parametrize("person", ["nobody", "an admin of a workspace"])
def test_administration_pages_are_closed_to_all_but_staff(client, alice, person):
    if person != "nobody":
        client.force_login(alice)
    pages = [each for each in get_resolver().url_patterns if str(each.pattern) == "admin/"]
    names = {each.name for each in pages[0].url_patterns if getattr(each, "name", None)} - {"login", "logout"}
    for name in names - {"view_on_site", "app_list"}:
        answer = client.get(reverse(f"admin:{name}"))
        assert answer.status_code == 302, name
        assert answer.headers["location"].startswith(("/admin/login/", "/sign-in/")), name


@pytest.mark.parametrize(("route", "method"), [case for case in CLOSED if not case.values[0].is_rest])
def test_session_of_a_deactivated_person_is_signed_out(sign_in, alice, route, method):
    browser = sign_in(alice)
    alice.is_active = False
    alice.save()

    answer = call(browser, route, method)

    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/sign-in/")


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_nonmember_cannot_see_that_a_workspace_exists(sign_in, workspace, mallory, route, method):
    ours = call(sign_in(mallory), route, method)
    missing = call(sign_in(mallory), route, method, workspace="no-such-place")

    assert ours.status_code in {404, NOT_THIS_METHOD}
    assert ours.status_code == missing.status_code
    assert b"Vision" not in ours.content


@pytest.mark.parametrize(("route", "method"), REST_CALLS)
def test_token_of_another_workspace_is_rejected(api, alice, workspace, elsewhere, route, method):
    Membership.objects.create(user=alice, workspace=elsewhere, role=Role.ADMIN)

    assert call(api(alice, elsewhere), route, method).status_code == 404


@pytest.mark.parametrize(("route", "method"), WRITES)
def test_viewer_cannot_write(sign_in, carol, route, method):
    assert call(sign_in(carol), route, method).status_code in {403, NOT_THIS_METHOD}


@pytest.mark.parametrize(("route", "method"), REST_WRITES)
def test_read_only_token_cannot_write(api, alice, route, method):
    assert call(api(alice, access=Access.READ), route, method).status_code == 403


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_declared_role_is_enforced_for_every_role(sign_in, alice, bob, carol, route, method):
    needed = route.role(method)
    for person, role in ((carol, Role.VIEWER), (bob, Role.CONTRIBUTOR), (alice, Role.ADMIN)):
        status = call(sign_in(person), route, method).status_code
        if role in Role.at_least(needed):
            assert status != 403, f"{role} is kept out"
        else:
            assert status in {403, NOT_THIS_METHOD}, f"{role} gets in"


@pytest.mark.parametrize(("route", "method"), ADMINISTRATION)
def test_administration_site_is_for_superusers_only(sign_in, alice, route, method):
    assert call(sign_in(alice), route, method).status_code == 403, "she is an admin of a workspace only"
    alice.is_superuser = True
    alice.save()
    assert call(sign_in(alice), route, method).status_code in {202, 404}


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_unknown_objects_are_never_an_internal_error(sign_in, alice, route, method):
    assert call(sign_in(alice), route, method).status_code < 500


@pytest.mark.parametrize("route", [route for route in ROUTES if route.pattern not in PUBLIC], ids=str)
def test_write_without_a_csrf_token_is_rejected(alice, route):
    """Cross-site request forgery: a session alone is not enough."""
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(alice)
    for method in route.unsafe_methods():
        assert call(browser, route, method).status_code in {403, NOT_THIS_METHOD}
