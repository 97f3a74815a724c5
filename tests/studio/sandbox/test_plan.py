"""What is pure about walls: plans, arguments, rules, requests, verdicts."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from studio.sandbox import bubblewrap
from studio.sandbox.levels import FIRST_USER, LEVELS, Walls
from studio.sandbox.plan import Plan, interpreter_folders
from studio.sandbox.probe import PROBE_USER, Found, problem_of
from studio.sandbox.request import Keeping, request
from studio.sandbox.rules import around, rules

PLAN = Plan(
    program=("/env/bin/python", "-m", "scoring"),
    environment={"KEY": "secret"},
    folder=Path("/data/1/work"),
    readable=(Path("/data/1/work/inner"), Path("/env")),
    writable=(Path("/data/1/work"),),
    temporary=Path("/data/1/work/tmp"),
    user=FIRST_USER,
    ports=(20000,),
)


def asked(level, **changes):
    return json.loads(request(replace(PLAN, **changes), Walls("bubblewrap", True, 7), level=level))


def pairs(arguments, flag):
    """What follows each occurrence of a flag that has two values."""
    return [tuple(arguments[at + 1 : at + 3]) for at, one in enumerate(arguments) if one == flag]


@pytest.mark.parametrize(
    ("level", "changes", "filters"),
    [
        ("bubblewrap", {}, False),
        ("bubblewrap", {"connects": False}, True),
        ("bubblewrap", {"network": False}, False),  # it has a network of its own, with nobody in it
        ("landlock", {"connects": False}, True),
        ("landlock", {"network": False}, True),
        ("none", {"connects": False}, False),
    ],
)
def test_calls_are_filtered_where_nothing_else_keeps_a_program_from_connecting(level, changes, filters, monkeypatch):
    monkeypatch.setattr("studio.sandbox.seccomp.is_known", lambda: True)
    assert asked(level, **changes)["refuse_connections"] is filters


def test_bubblewrap_gives_exactly_the_folders_of_the_plan_to_write_to():
    given = bubblewrap.arguments(PLAN)
    assert pairs(given, "--bind") == [("/data/1/work/tmp", "/tmp"), ("/data/1/work", "/data/1/work")]


def test_bubblewrap_mounts_an_inner_folder_over_the_outer_one():
    given = bubblewrap.arguments(PLAN)
    assert given.index("/data/1/work/inner") > given.index("/data/1/work")


def test_bubblewrap_drops_capabilities_and_forbids_namespaces():
    given = bubblewrap.arguments(PLAN)
    assert given[given.index("--cap-drop") + 1] == "ALL"
    assert {"--disable-userns", "--unshare-user", "--unshare-pid", "--die-with-parent", "--clearenv"} <= set(given)


def test_bubblewrap_takes_the_network_away_only_when_the_plan_says_so():
    assert "--unshare-net" not in bubblewrap.arguments(PLAN)
    assert "--unshare-net" in bubblewrap.arguments(replace(PLAN, network=False))


def test_links_of_the_root_folder_stay_links(tmp_path):
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "bin").mkdir()
    links = bubblewrap.links_of(tmp_path)
    assert links == [("/lib", "usr/lib")]
    given = bubblewrap.arguments(PLAN, links=links)
    assert ("usr/lib", "/lib") in pairs(given, "--symlink")
    assert ("/bin", "/bin") in pairs(given, "--ro-bind-try")


def test_landlock_grants_the_plans_ports_and_any_free_one():
    assert rules(PLAN, files=True)["bind"] == [0, 20000]
    assert rules(replace(PLAN, ports=None), files=True)["bind"] is None


def test_landlock_refuses_every_connection_without_network():
    assert rules(PLAN, files=True)["connect"] is None
    assert rules(replace(PLAN, network=False), files=True)["connect"] == []


@pytest.mark.parametrize(
    ("level", "user", "is_bubblewrapped", "files_by_landlock"),
    [
        ("none", None, False, False),
        ("uid", FIRST_USER, False, False),
        ("landlock", FIRST_USER, False, True),
        ("bubblewrap", FIRST_USER, True, False),
    ],
)
def test_a_request_combines_what_its_level_has(monkeypatch, level, user, is_bubblewrapped, files_by_landlock):
    monkeypatch.setattr("studio.sandbox.request.bubblewrap_path", lambda: "/usr/bin/bwrap")
    made = asked(level)
    assert made["user"] == user
    assert bool(made["bubblewrap"]) == is_bubblewrapped
    assert bool(made["landlock"] and made["landlock"]["files"]) == files_by_landlock


def test_the_keeper_holds_what_the_program_must_not_have(tmp_path):
    made = json.loads(request(PLAN, Walls(), Keeping(detached=True, exit=tmp_path / "exit", held=(7,))))
    assert (made["held"], made["exit"], made["detached"]) == ([7], str(tmp_path / "exit"), True)


def test_an_environments_links_are_followed_to_the_interpreter_it_was_made_from(tmp_path):
    real = tmp_path / "python-3.11.7"
    (real / "bin").mkdir(parents=True)
    (real / "bin" / "python3").touch()
    (tmp_path / "current").symlink_to(real)
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to("../../current/bin/python3")
    found = interpreter_folders(environment / "bin" / "python")
    assert found == (environment, tmp_path / "current", real)


def test_links_on_the_way_to_an_interpreter_do_not_grant_the_home_they_lie_in(tmp_path):
    home = tmp_path / "home"
    for folder in (home / "bin", home / "slipway" / "bin"):
        folder.mkdir(parents=True)
    (home / "bin" / "python").symlink_to("/usr/bin/python3")
    (home / "slipway" / "bin" / "python").symlink_to(home / "bin" / "python")
    assert interpreter_folders(home / "slipway" / "bin" / "python") == (home / "slipway", home / "bin")


def test_a_hidden_folder_in_a_granted_one_is_not_granted(tmp_path):
    for name in ("tools", "slipway/var/keys", "slipway/code"):
        (tmp_path / name).mkdir(parents=True)
    hidden = [tmp_path / "slipway" / "var"]
    assert around(tmp_path, hidden) == [tmp_path / "slipway" / "code", tmp_path / "tools"]
    assert around(tmp_path / "tools", hidden) == [tmp_path / "tools"]


def test_bubblewrap_covers_a_hidden_folder_before_it_shows_what_is_granted_in_it():
    given = bubblewrap.arguments(replace(PLAN, hidden=(Path("/data"),)))
    covered = [at for at, one in enumerate(given) if one == "--tmpfs" and given[at + 1] == "/data"]
    assert covered
    assert covered[0] < given.index("/data/1/work")


def test_an_interpreter_of_the_system_needs_nothing_more():
    assert interpreter_folders(Path("/usr/bin/python3")) == ()


def test_services_and_studios_have_users_of_their_own():
    walls = Walls("uid", changes_user=True)
    assert len({walls.user_for(service, studio) for service in (1, 2) for studio in (5, 6)}) == 4
    assert all(FIRST_USER <= walls.user_for(10**7, studio) < 2**31 for studio in (0, 2**32 - 1))
    assert Walls("bubblewrap").user_for(1) is None


@pytest.mark.parametrize(
    ("level", "changes"),
    [
        ("uid", {"user": 0}),
        ("uid", {"capabilities": 1}),
        ("landlock", {"write_outside": True}),
        ("landlock", {"read_secret": True}),
        ("landlock", {"no_new_privileges": False}),
        ("bubblewrap", {"nest": True}),
        ("bubblewrap", {"remount": True}),
        ("bubblewrap", {"processes": 2}),
        ("bubblewrap", {"error": "it failed"}),
    ],
)
def test_a_level_that_does_not_hold_what_it_promises_is_not_offered(level, changes):
    good = Found(user=PROBE_USER, processes=1, no_new_privileges=True)
    walls = Walls(level, changes_user=True)
    assert problem_of(walls, good) == ""
    assert problem_of(walls, replace(good, **changes))


@pytest.mark.parametrize("required", LEVELS)
def test_less_than_required_is_refused_with_the_reason(required):
    walls = Walls("landlock", missing={"bubblewrap": "bubblewrap is not installed."})
    if required == "bubblewrap":
        assert "asks for bubblewrap, and this machine offers landlock" in walls.shortfall(required)
        assert "bubblewrap is not installed." in walls.shortfall(required)
    else:
        assert walls.shortfall(required) == ""


def test_this_tests_own_interpreter_lies_in_its_folders():
    folders = interpreter_folders(Path(sys.executable))
    assert any(Path(sys.prefix).is_relative_to(folder) for folder in folders) or sys.prefix.startswith("/usr")
