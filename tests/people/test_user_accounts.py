"""Accounts of the studio, as its administrators manage them on pages."""

import re

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.activity.models import Event
from tests.routes import all_routes

pytestmark = pytest.mark.django_db
PEOPLE = "/people/"
PASSWORD = "corr3ct-horse-battery"
ROUTES = [route for route in all_routes() if route.pattern.startswith("people/")]


def link_in(answer) -> str:
    """The path of the link that the page shows."""
    return re.search(r'id="password-link">http://testserver([^<]+)<', answer.content.decode())[1]


def choose(browser: Client, link: str, password: str = PASSWORD):
    """Open the link and choose a password; the answer to the form."""
    form = browser.get(link, follow=True)
    path = form.redirect_chain[-1][0] if form.redirect_chain else link
    return browser.post(path, {"new_password1": password, "new_password2": password})


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_people_are_managed_by_administrators_of_the_studio_only(sign_in, alice, bob, route):
    """She is an admin of a workspace, and learns nothing: the answer is the same for who exists and who does not."""
    browser = sign_in(alice)
    for username in ("bob", "nobody"):
        for method in ("GET", "POST"):
            if (answer := browser.generic(method, route.path(username=username))).status_code != 405:
                assert answer.status_code == 403
                assert "bob" not in answer.content.decode().replace(route.path(username=username), "")
    bob.refresh_from_db()
    assert bob.is_active


def test_added_person_chooses_a_password_by_the_link_and_is_signed_in(sign_in, superuser):
    shown = sign_in(superuser).post(PEOPLE, {"username": "dana"})
    newcomer = Client()

    answer = choose(newcomer, link_in(shown))

    assert answer.headers["location"] == "/"
    assert newcomer.session["_auth_user_id"] == str(User.objects.get(username="dana").pk)
    dana = User.objects.get(username="dana")
    assert dana.check_password(PASSWORD)
    assert not dana.is_superuser


def test_password_link_works_once(sign_in, superuser, bob):
    link = link_in(sign_in(superuser).post(f"{PEOPLE}bob/password-link/"))
    choose(Client(), link)

    second = Client()
    assert "not valid any more" in second.get(link, follow=True).content.decode()
    choose(second, link, "an0ther-long-password")
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_old_password_works_until_the_link_is_used_and_other_sessions_end_then(sign_in, superuser, bob):
    elsewhere = sign_in(bob)
    link = link_in(sign_in(superuser).post(f"{PEOPLE}bob/password-link/"))
    assert elsewhere.get("/w/vision/").status_code == 200

    choose(Client(), link)

    assert elsewhere.get("/w/vision/").headers["location"].startswith("/sign-in/")


def test_weak_password_is_refused_behind_the_link(sign_in, superuser, bob):
    answer = choose(Client(), link_in(sign_in(superuser).post(f"{PEOPLE}bob/password-link/")), "short")

    assert "too short" in answer.content.decode()
    bob.refresh_from_db()
    assert bob.check_password("a-long-password")


def test_link_is_not_shown_again_and_lets_locked_people_in(sign_in, superuser, bob, settings):
    settings.AXES_ENABLED, settings.AXES_FAILURE_LIMIT = True, 1
    browser = Client()
    attempt = {"username": "bob", "password": "wrong"}
    browser.post("/sign-in/", attempt)
    assert browser.post("/sign-in/", attempt | {"password": "a-long-password"}).status_code == 429
    administrator = sign_in(superuser)

    link = link_in(administrator.post(f"{PEOPLE}bob/password-link/"))

    assert link not in administrator.get(PEOPLE).content.decode()
    assert browser.post("/sign-in/", attempt | {"password": "a-long-password"}).status_code == 302


def test_deactivated_person_loses_sessions_tokens_and_links_and_gets_them_back(sign_in, api, superuser, bob):
    browser, client, administrator = sign_in(bob), api(bob), sign_in(superuser)
    link = link_in(administrator.post(f"{PEOPLE}bob/password-link/"))

    assert "Deactivate bob?" in administrator.get(f"{PEOPLE}bob/deactivate/").content.decode()
    assert browser.get("/w/vision/").status_code == 200, "asked, not yet done"
    administrator.post(f"{PEOPLE}bob/deactivate/")

    assert browser.get("/w/vision/").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    assert "not valid any more" in Client().get(link, follow=True).content.decode()
    assert administrator.post(f"{PEOPLE}bob/password-link/").status_code == 409

    administrator.post(f"{PEOPLE}bob/activate/")
    assert client.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("action", ["deactivate", "administrator"])
def test_nobody_locks_themselves_out(sign_in, superuser, action):
    answer = sign_in(superuser).post(f"{PEOPLE}root/{action}/", {"dismiss": "yes"})

    assert answer.status_code == 409
    superuser.refresh_from_db()
    assert (superuser.is_active, superuser.is_superuser) == (True, True)


def test_rights_of_an_administrator_are_given_and_taken(sign_in, superuser, bob, workspace, elsewhere):
    administrator = sign_in(superuser)
    administrator.post(f"{PEOPLE}bob/administrator/")
    assert sign_in(bob).get(PEOPLE).status_code == 200
    assert sign_in(bob).get("/w/elsewhere/").status_code == 200

    administrator.post(f"{PEOPLE}bob/administrator/", {"dismiss": "yes"})
    assert sign_in(bob).get(PEOPLE).status_code == 403
    assert sign_in(bob).get("/w/elsewhere/").status_code == 404


@pytest.mark.parametrize(("username", "says"), [("bob", "is taken"), ("a b", "valid username"), ("", "required")])
def test_unusable_name_is_an_error_of_its_field(sign_in, superuser, bob, username, says):
    page = sign_in(superuser).post(PEOPLE, {"username": username})

    assert page.status_code == 422
    assert says in page.content.decode()
    assert set(User.objects.values_list("username", flat=True)) == {"root", "bob"}


def test_changes_of_an_account_are_in_the_trail_of_its_workspaces_only(sign_in, superuser, bob, elsewhere):
    browser = sign_in(superuser)
    browser.post(f"{PEOPLE}bob/deactivate/")
    browser.post(f"{PEOPLE}bob/activate/")

    trail = Event.objects.order_by("id")
    assert [(event.workspace.slug, event.sentence) for event in trail] == [
        ("vision", "root deactivated the account of bob"),
        ("vision", "root activated the account of bob"),
    ]


def test_settings_show_people_to_administrators_of_the_studio_only(sign_in, superuser, alice):
    settings = "/w/vision/settings/"
    assert f'href="{PEOPLE}"' in sign_in(superuser).get(settings).content.decode()
    assert f'href="{PEOPLE}"' not in sign_in(alice).get(settings).content.decode()
    people = sign_in(superuser).get(PEOPLE).content.decode()
    assert 'href="/w/vision/settings/members/"' in people


def test_people_are_found_by_a_part_of_their_name(sign_in, superuser, alice, bob):
    page = sign_in(superuser).get(PEOPLE, {"q": "LIC"})
    assert [person.username for person in page.context["page"]] == ["alice"]
