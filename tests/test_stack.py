"""`make run` from the outside: start, recovery, rejected starts, and a clean stop."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import psutil
import pytest

from tests.stack import ROOT, Stack, wait_for

pytestmark = pytest.mark.stack

EMBEDDED = not os.environ.get("REDIS_URL")
PROGRAMS = ["web", "quick", "heavy", "builds", "long", "clock", *(["broker"] if EMBEDDED else [])]
SECRETS = {"SLIPWAY_ADMIN_PASSWORD", "SLIPWAY_SECRET_KEY", "DATABASE_URL", "REDIS_URL"}
IDLE_MEMORY_BYTES = 600e6


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """With a secret in its environment that is needed for as long as it runs."""
    with Stack(tmp_path_factory.mktemp("studio"), SLIPWAY_SECRET_KEY="a-secret-key-" * 4) as running:
        yield running


def sign_in(stack, username="admin", password=None):
    """The answer to the sign-in form, and the client that holds the session."""
    client = httpx.Client(base_url=stack.address)
    client.get("/sign-in/")
    fields = {"username": username, "password": password or stack.password}
    token = client.cookies["csrftoken"]
    return client.post("/sign-in/", data=fields, headers={"X-CSRFToken": token}), client


def test_start_prints_the_address_and_how_to_sign_in(stack):
    line = wait_for(lambda: re.search(r"sign in as admin with the password (\S+)", stack.log()), 5, "a greeting")

    assert re.search(rf"ready after .* http://localhost:{stack.port}/", stack.log())
    assert line[1] == stack.password


def test_the_last_lines_of_a_start_are_the_address_and_the_password(stack):
    wait_for(lambda: "sign in as admin" in stack.log(), 5, "a greeting")
    start, _, _ = stack.log().partition("(shown only now)")
    *_, before_last, last = start.splitlines()

    assert before_last.endswith(f"http://localhost:{stack.port}/")
    assert "sign in as admin with the password" in last
    assert "WARNING" not in start


def test_the_administrator_signs_in_and_lands_in_the_default_workspace(stack):
    answer, client = sign_in(stack)

    assert answer.status_code == 302
    home = client.get("/", follow_redirects=True)
    assert home.status_code == 200
    assert home.url.path == "/w/default/"


def test_a_wrong_password_does_not_sign_in(stack):
    answer, client = sign_in(stack, password="wrong")

    assert answer.status_code == 200
    assert client.get("/").headers["location"].startswith("/sign-in/")


def test_static_files_are_served(stack):
    page = httpx.get(stack.url("/sign-in/")).text
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)

    assert sheets
    assert all(httpx.get(stack.url(sheet)).status_code == 200 for sheet in sheets)


PAGES = [
    *("", "models/", "models/register/", "environments/", "environments/new/"),
    *("environments/edit/", "configs/", "configs/new/", "deploy/"),
    *("services/", "activity/", "settings/", "settings/members/", "settings/tokens/", "settings/targets/"),
]


def test_pages_with_all_they_load_stay_small(stack):
    _, client = sign_in(stack)

    sizes = {}
    for path in PAGES:
        page = client.get(f"/w/default/{path}", headers={"accept-encoding": "gzip"})
        assert page.status_code == 200, path
        parts = {part.partition("#")[0] for part in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)}
        loaded = [client.get(part, headers={"accept-encoding": "gzip"}) for part in parts]
        assert all("immutable" in part.headers["cache-control"] for part in loaded), path
        sizes[path] = sum(answer.num_bytes_downloaded for answer in [page, *loaded])

    assert {path: size for path, size in sizes.items() if size > 60_000} == {}


@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_program_is_restarted(stack, name):
    stack.kill_and_recover(name)

    assert set(PROGRAMS) | {"up"} == set(stack.pids)


def test_child_of_a_killed_worker_ends(stack):
    heavy = psutil.Process(stack.pids["heavy"])
    children = wait_for(lambda: [child.pid for child in heavy.children()], 10, "a child of the worker")

    stack.kill_and_recover("heavy")

    assert not any(psutil.pid_exists(child) and psutil.Process(child).status() != "zombie" for child in children)


@pytest.mark.skipif(not os.path.exists("/proc"), reason="elsewhere the environment cannot be read")
def test_no_process_shows_a_secret_in_its_environment(stack):
    shown = {process.pid: process.environ() for process in stack.processes()}

    assert set(stack.pids.values()) <= shown.keys()
    assert not [pid for pid, environ in shown.items() if SECRETS & environ.keys()]
    assert not (stack.data / "secret.key").exists(), "the one that was given is used"


def test_health_names_a_worker_without_heartbeat(stack):
    pid = stack.pids["heavy"]
    os.kill(pid, signal.SIGSTOP)
    try:
        missing = wait_for(lambda: stack.health().get("missing"), 20, "a report of the frozen worker")
    finally:
        os.kill(pid, signal.SIGCONT)

    assert missing == ["heavy"]
    stack.wait_until_healthy()


def test_second_studio_on_the_same_data_is_rejected(stack):
    second = Stack(stack.data)
    answer = subprocess.run(
        [sys.executable, "manage.py", "up"],
        check=False,
        env=second.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode != 0
    assert "already runs" in answer.stderr
    assert f"process {stack.pids['up']}" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert stack.health() == {"status": "ok"}


def test_unreachable_database_is_named_and_no_process_is_left(tmp_path):
    studio = Stack(tmp_path / "data", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    studio.launch()

    assert studio.process.wait(60) != 0
    assert "database cannot be used" in studio.log()
    assert "Traceback" not in studio.log()
    assert studio.processes() == []


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        studio = Stack(tmp_path / "data", port=taken.getsockname()[1])
        studio.launch()
        code = studio.process.wait(60)

    assert code != 0
    assert f"Port {studio.port}" in studio.log()
    assert "SLIPWAY_PORT" in studio.log()
    assert "Traceback" not in studio.log()


@pytest.fixture
def own_stack(tmp_path):
    studio = Stack(tmp_path / "data", password=None)
    yield studio
    studio.end()


def test_stop_leaves_no_process_and_data_survives_a_restart(own_stack):
    own_stack.start()
    shown = wait_for(lambda: re.search(r"password (\S+) ", own_stack.log()), 5, "the first password")[1]
    assert own_stack.interrupt() == 0
    assert own_stack.processes() == []
    if not os.environ.get("DATABASE_URL"):  # what a database server keeps in its files is not ours to read
        assert shown.encode() not in (own_stack.data / "slipway.sqlite3").read_bytes()

    own_stack.start()
    assert own_stack.log().count(shown) == 1  # shown once
    assert sign_in(own_stack, password=shown)[0].status_code == 302


def test_a_terminated_studio_stops_cleanly(own_stack):
    own_stack.start()
    own_stack.process.send_signal(signal.SIGTERM)

    assert own_stack.process.wait(30) == 0
    assert own_stack.processes() == []


@pytest.mark.skipif(not os.path.exists("/proc"), reason="elsewhere the next start sweeps")
def test_programs_of_a_killed_studio_end_and_it_starts_again(own_stack):
    own_stack.start()
    own_stack.process.kill()
    own_stack.process.wait(5)
    wait_for(lambda: not own_stack.processes(), 5, "no process left")

    own_stack.start()

    assert own_stack.health() == {"status": "ok"}


def test_studio_starts_in_a_deep_data_folder(tmp_path):
    with Stack(tmp_path / ("deep" * 20) / "folder with a space") as studio:
        assert studio.health() == {"status": "ok"}


@pytest.mark.skipif(not os.path.exists("/proc"), reason="proportional memory is a number of Linux")
def test_idle_memory_is_within_the_limit(stack):
    sign_in(stack)
    memory = {process.pid: process.memory_full_info().pss for process in stack.processes()}

    assert sum(memory.values()) < IDLE_MEMORY_BYTES
