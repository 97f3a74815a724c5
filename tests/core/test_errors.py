"""One family of errors, shown alike by pages and REST: what happened, why, what next."""

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from rest_framework.exceptions import NotAuthenticated

from studio.accounts.models import Workspace
from studio.core import errors
from studio.core.drf import ErrorHandler
from studio.core.middleware import ErrorPageMiddleware

KINDS = [errors.BadInput, errors.NotFound, errors.Forbidden, errors.Conflict, errors.TooLarge, errors.Temporary]


def rest_answer(error):
    handler = ErrorHandler(error, {"view": None, "request": RequestFactory().get("/")})
    return handler.run()


@pytest.mark.parametrize("kind", KINDS)
def test_rest_carries_status_code_and_hint(kind):
    answer = rest_answer(kind("It broke.", hint="Mend it.", code="broken"))

    assert answer.status_code == kind.status
    assert answer.data["errors"] == [{"code": "broken", "detail": "It broke.", "attr": None, "hint": "Mend it."}]


def test_rest_names_the_field_at_fault():
    answer = rest_answer(errors.BadInput("No '=' in it.", field="tags"))

    assert answer.data["errors"][0]["attr"] == "tags"


def test_rest_framework_s_own_errors_have_the_same_shape():
    answer = rest_answer(NotAuthenticated())

    assert set(answer.data["errors"][0]) == {"code", "detail", "attr", "hint"}


def test_stored_error_says_who_has_to_act():
    facts = errors.Temporary("The registry is away.", hint="Wait.", evidence="timeout").as_dict()

    assert facts == {
        "code": "unavailable",
        "message": "The registry is away.",
        "hint": "Wait.",
        "turn": "us",
        "retryable": True,
        "evidence": "timeout",
    }


@pytest.mark.django_db
def test_get_of_a_post_only_address_is_explained(sign_in, bob):
    answer = sign_in(bob).get("/w/vision/models/samples/")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert "takes a form that was sent" in answer.content.decode()


@pytest.mark.django_db
def test_unknown_api_address_is_answered_in_the_error_format_of_the_api(client):
    answer = client.get("/api/v1/nowhere")

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "not_found"
    assert "/api/v1/nowhere" in answer.json()["errors"][0]["detail"]


@pytest.mark.django_db
def test_other_unknown_address_is_answered_with_a_page(client):
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert "Not found" in answer.content.decode()


@pytest.mark.django_db
def test_a_page_shows_the_error_with_its_status_and_next_step(sign_in, carol):
    answer = sign_in(carol).post("/w/vision/models/samples/")

    assert answer.status_code == 403
    assert "This needs the role contributor" in answer.content.decode()
    assert "Ask an admin" in answer.content.decode()


@pytest.mark.django_db
def test_htmx_request_gets_only_the_alert(sign_in, carol):
    answer = sign_in(carol).post("/w/vision/models/samples/", headers={"HX-Request": "true"})

    assert answer.status_code == 403
    assert "<html" not in answer.content.decode()
    assert "Ask an admin" in answer.content.decode()


def test_other_exceptions_are_not_converted():
    middleware = ErrorPageMiddleware(lambda request: None)

    assert middleware.process_exception(RequestFactory().get("/"), ValueError("a bug")) is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("database or disk is full", "its disk seems to be full"),
        ("disk I/O error", "its disk seems to be full"),
        ('connection to server at "db.internal" failed', "cannot work at this moment."),
    ],
)
def test_database_error_is_shown_without_its_secrets(raw, shown):
    error = OperationalError(raw)
    converted = ErrorHandler(error, {}).convert_known_exceptions(error)
    assert (converted.status_code, converted.get_codes()) == (503, "database_unavailable")
    assert shown in converted.detail
    assert converted.hint
    assert "db.internal" not in converted.detail


SECRET = "/srv/slipway/data/secret.key"
UNEXPECTED = {
    "a bug": ValueError(f"cannot read {SECRET}"),
    "a file that is not there": FileNotFoundError(2, "No such file", SECRET),
    "the database": OperationalError(f"unable to open {SECRET}"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/workspaces/vision/models", "/", "/w/vision/services/"])
@pytest.mark.parametrize("error", UNEXPECTED.values(), ids=UNEXPECTED)
def test_unexpected_errors_show_neither_path_nor_traceback(monkeypatch, sign_in, bob, path, error):
    def fail(*_):
        raise error

    browser = sign_in(bob)
    browser.raise_request_exception = False
    monkeypatch.setattr(type(Workspace.objects), "visible_to", fail)
    answer = browser.get(path)

    of_rest = path.startswith("/api/")
    assert answer.status_code == (503 if of_rest and isinstance(error, OperationalError) else 500)
    assert answer.headers["Content-Type"].startswith("application/json" if of_rest else "text/html")
    shown = answer.content.decode()
    assert [word for word in (SECRET, "Traceback", ".py", type(error).__name__) if word in shown] == []
