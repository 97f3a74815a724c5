import hashlib
import json

import pytest

from scoring.core.errors import StartFailure
from scoring.process.image_run import write_run


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "slipway" / "bundle").mkdir(parents=True)
    return tmp_path / "slipway" / "bundle"


def written(path):
    return json.loads(path.read_text()), json.loads((path.parent / "keys.json").read_text())


def test_without_variables_anybody_may_ask_at_azures_port(bundle):
    run, keys = written(write_run(bundle, {}))
    assert (run["bundle"], run["host"], run["auth"]) == (str(bundle), "0.0.0.0", False)
    assert run.get("port", 5001) == 5001
    assert keys["digests"] == []


def test_keys_are_asked_for_and_only_their_digests_are_written(bundle, tmp_path):
    (tmp_path / "second").write_text("two\n")
    path = write_run(bundle, {"SLIPWAY_KEY": "one", "SLIPWAY_SECOND_KEY_FILE": str(tmp_path / "second")})
    run, keys = written(path)
    assert run.get("auth", True)
    assert keys["digests"] == [hashlib.sha256(key).hexdigest() for key in (b"one", b"two")]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_options_of_the_image_count_and_variables_win(bundle):
    (bundle.parent / "options.json").write_text('{"queue_limit": 7, "port": 80, "scoring_timeout_seconds": 3}')
    run, _ = written(write_run(bundle, {"SLIPWAY_PORT": "8080"}))
    assert (run["queue_limit"], run["port"], run["scoring_timeout_seconds"]) == (7, 8080, 3)


@pytest.mark.parametrize("variables", [{"SLIPWAY_PORT": "http"}, {"SLIPWAY_KEY_FILE": "/not/there"}])
def test_variable_that_cannot_be_read_is_a_failure_that_names_it(bundle, variables):
    with pytest.raises(StartFailure):
        write_run(bundle, variables)
