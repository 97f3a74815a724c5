"""What the settings promise about the browser's protection and about SQLite."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.stack import ROOT

SQLITE = connection.vendor == "sqlite"


@pytest.fixture
def page(sign_in, bob):
    return sign_in(bob).get("/account/")


def test_new_data_folder_is_private_to_its_owner(tmp_path):
    data = tmp_path / "new" / "data"
    subprocess.run(
        [sys.executable, "-c", "import studio.settings"],
        cwd=ROOT,
        env=os.environ | {"SLIPWAY_DATA": str(data)},
        check=True,
    )

    assert data.stat().st_mode & 0o777 == 0o700


def test_a_page_runs_only_the_studio_s_own_scripts(page):
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in page.headers["content-security-policy"]


def test_page_has_frame_sniffing_and_referrer_headers(page):
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"


def open_page(browser, address, **headers):
    return browser.get(address, headers={"Sec-Fetch-Mode": "navigate"} | headers)


def test_browsers_are_sent_to_localhost_where_services_do_not_get_the_session(client):
    answer = open_page(client, "/w/vision/?q=a%20b", Host="127.0.0.1:8000")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://localhost:8000/w/vision/?q=a%20b")


@pytest.mark.parametrize("host", ["localhost:8000", "studio.example"])
def test_browsers_stay_under_other_names(client, host):
    answer = open_page(client, "/w/vision/", Host=host)
    assert answer.headers["location"].startswith("/sign-in/")


def test_programs_are_served_at_either_name(client):
    assert client.get("/api/v1/me", headers={"Host": "127.0.0.1:8000"}).status_code == 401


@pytest.mark.parametrize(("host", "moves"), [("127.0.0.1", True), ("0.0.0.0", False), ("::1", False)])
def test_pages_move_to_localhost_only_where_the_studio_listens_to_this_machine_alone(tmp_path, host, moves):
    assert ask_settings(tmp_path, "settings.PAGES_ON_LOCALHOST", SLIPWAY_HOST=host) == str(moves)


def test_files_of_the_studio_are_its_owner_s_alone(tmp_path):
    ask_settings(tmp_path / "data", "open(settings.DATA_DIR / 'new', 'w')")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "data").rglob("*")} == {0}


def test_disallowed_host_is_logged_in_one_line_without_a_traceback(tmp_path):
    code = (
        "import django; django.setup(); import logging\n"
        "try: raise ValueError('Invalid HTTP_HOST header')\n"
        "except ValueError as error:\n"
        " logging.getLogger('django.security.DisallowedHost').error(str(error), exc_info=error)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "REDIS", "DATABASE"))}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | {"SLIPWAY_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "studio.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = answer.stderr.splitlines()
    assert line.endswith("WARNING django.security.DisallowedHost: Invalid HTTP_HOST header")


def test_session_cookie_is_http_only(client, bob):
    client.post("/sign-in/", {"username": "bob", "password": "a-long-password"})

    assert client.cookies["sessionid"]["httponly"]
    assert client.cookies["sessionid"]["samesite"] == "Lax"


@pytest.mark.skipif(not SQLITE, reason="about SQLite")
def test_writers_wait_for_each_other_instead_of_failing(db):
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert connection.settings_dict["OPTIONS"]["timeout"] >= 10


def ask_settings(tmp_path, expression, **environ):
    """`expression` over the product's own settings, as a fresh process sees them."""
    code = f"from studio import settings; print({expression})"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "REDIS", "DATABASE"))}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | {"SLIPWAY_DATA": str(tmp_path)} | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def test_database_and_broker_come_from_the_environment(tmp_path):
    named = {"REDIS_URL": "redis://broker:6379/0", "DATABASE_URL": "postgres://someone@database/slipway"}

    shown = ask_settings(
        tmp_path, "settings.REDIS_URL, settings.EMBEDDED_BROKER, settings.DATABASES['default']", **named
    )

    assert "redis://broker:6379/0" in shown
    assert "False" in shown
    assert "postgresql" in shown
    assert "IMMEDIATE" not in shown


def test_behind_https_cookies_and_addresses_are_for_https_only(tmp_path):
    shown = ask_settings(
        tmp_path,
        "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0",
        SLIPWAY_HTTPS="1",
    )

    assert shown == "True True True"


def test_secrets_are_created_once_and_differ_between_studios(tmp_path):
    first = ask_settings(tmp_path / "a", "settings.SECRET_KEY")

    assert ask_settings(tmp_path / "a", "settings.SECRET_KEY") == first
    assert ask_settings(tmp_path / "b", "settings.SECRET_KEY") != first


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("0.0.0.0", "http://127.0.0.1:8000/"),
        ("::", "http://[::1]:8000/"),
        ("::1", "http://[::1]:8000/"),
        ("2001:db8::1", "http://[2001:db8::1]:8000/"),
    ],
)
def test_studio_url_for_services_is_reachable_and_allowed(tmp_path, host, url):
    shown = ask_settings(
        tmp_path,
        "settings.STUDIO_URL, settings.STUDIO_URL in [f'http://{host}:8000/' for host in settings.ALLOWED_HOSTS]",
        SLIPWAY_HOST=host,
        SLIPWAY_ALLOWED_HOSTS="studio.example",
    )

    assert shown == f"{url} True"
