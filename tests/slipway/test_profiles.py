import stat

import pytest

from slipway import profiles
from slipway.errors import Misuse, NotSignedIn
from slipway.profiles import Login

HERE = Login("http://here:8000", "slw_here", "vision")


def test_a_login_is_remembered_and_only_its_owner_can_read_it():
    profiles.remember(HERE)
    assert profiles.current() == HERE
    assert stat.S_IMODE(profiles.config_file().stat().st_mode) == 0o600
    assert [file.name for file in profiles.config_file().parent.iterdir()] == ["config.toml"]


def test_profile_file_lies_below_xdg_config_home(home):
    assert profiles.config_file() == home / "config" / "slipway" / "config.toml"


def test_the_latest_login_is_the_one_in_use_and_the_others_stay():
    profiles.remember(HERE)
    there = Login("http://there", 'quo"te\\d', "text 😀")
    profiles.remember(there)
    assert profiles.current() == there
    assert profiles.read().studios["http://here:8000"].tokens == {"vision": "slw_here"}


def test_environment_variables_override_the_profile_file(monkeypatch):
    profiles.remember(HERE)
    monkeypatch.setenv("SLIPWAY_TOKEN", "slw_other")
    assert profiles.current() == Login("http://here:8000", "slw_other", "vision")
    monkeypatch.setenv("SLIPWAY_URL", "http://there/")
    monkeypatch.setenv("SLIPWAY_WORKSPACE", "text")
    assert profiles.current() == Login("http://there", "slw_other", "text")


def test_environment_variables_suffice_without_a_profile_file(monkeypatch):
    for name, value in {"URL": "http://x", "TOKEN": "t", "WORKSPACE": "w"}.items():
        monkeypatch.setenv(f"SLIPWAY_{name}", value)
    assert profiles.current() == Login("http://x", "t", "w")
    assert not profiles.config_file().exists()


def test_error_without_login_names_the_next_step():
    with pytest.raises(NotSignedIn) as raised:
        profiles.current()
    assert "slipway login" in raised.value.hint


def test_a_workspace_is_used_only_with_a_token_for_it():
    assert not profiles.use_workspace("vision")
    profiles.remember(HERE)
    profiles.remember(Login(HERE.url, "slw_text", "text"))
    assert profiles.use_workspace("vision")
    assert profiles.current() == HERE
    assert not profiles.use_workspace("audio")


@pytest.mark.parametrize("text", ["current = ", "studios = 3", '[studios.x]\nstrange = "1"', "\x00"])
def test_invalid_profile_file_is_refused_by_name(text):
    profiles.config_file().parent.mkdir(parents=True)
    profiles.config_file().write_text(text)
    with pytest.raises(Misuse, match=r"config\.toml cannot be read"):
        profiles.read()
