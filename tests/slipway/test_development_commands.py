"""`slipway service deploy --dev` and `reload`: a folder that runs as it is."""

from itertools import islice

import pytest

from slipway import watching
from tests.slipway.fake import error

SCRIPT = "def init(): ...\ndef run(data): return 1\n"


@pytest.fixture
def folder(tmp_path):
    """Holds score.py, a model, and what is no part of what runs."""
    made = tmp_path / "src"
    (made / "__pycache__").mkdir(parents=True)
    (made / "__pycache__" / "score.pyc").touch()
    (made / "score.py").write_text(SCRIPT)
    (made / "model.pkl").write_text("weights")
    return made


@pytest.fixture
def deployed(slipway, registered, folder):
    registered.states["try"] = ["Healthy"]
    assert slipway("service", "deploy", "-n", "try", "--source-dir", folder, "--wait").code == 0
    return registered


def paths(studio, ids):
    return [studio.uploads[key]["path"] for key in ids]


@pytest.mark.parametrize(
    "options",
    [[], ["--dev", "--entry-script", "score.py"], ["--target", "local", "--entry-script", "score.py"]],
)
def test_folder_is_deployed_without_registering_anything(slipway, registered, folder, options):
    answer = slipway("service", "deploy", "-n", "try", "--source-dir", folder, *options, "--json")
    assert answer.code == 0
    asked = registered.services["try"]["asked"]
    assert paths(registered, asked["source"]["files"]) == ["model.pkl", "score.py"]
    assert asked["source"].get("entry_script") == ("score.py" if options else None)
    assert (registered.configs, registered.environments, asked["models"]) == ([], {}, [])
    assert "a development service, of which nothing is registered" in answer.err


def test_entry_script_of_a_folder_without_target_is_registered_as_before(slipway, registered, folder):
    options = ["--entry-script", "score.py", "--source-dir", folder]
    assert slipway("service", "deploy", "-n", "try", *options).code == 0
    assert len(registered.configs) == 1
    assert slipway("service", "deploy", "-n", "other", "--target", "local", "--no-dev", *options).code == 0
    assert len(registered.configs) == 2


def test_requirements_go_with_the_folder(slipway, registered, folder):
    (folder / "requirements.txt").write_text("idna  # names\n")
    options = ["--source-dir", folder, "--requirements", folder / "requirements.txt"]
    assert slipway("service", "deploy", "-n", "try", *options).code == 0
    assert registered.services["try"]["asked"]["source"]["requirements"] == ["idna  # names", ""]
    assert registered.environments == {}
    assert slipway("service", "deploy", "-n", "other", *options, "--environment", "mine:1").code == 2


def test_reload_sends_what_has_changed_and_nothing_else(slipway, deployed, folder):
    (folder / "score.py").write_text(SCRIPT + "# changed\n")
    (folder / "labels.txt").write_text("a")
    (folder / "model.pkl").unlink()
    answer = slipway("service", "reload", "try", "--wait")
    assert (answer.code, answer.out) == (0, "try is Healthy.\n")
    assert "Reloading try: labels.txt, score.py, without model.pkl." in answer.err
    (given,) = deployed.reloads
    assert paths(deployed, given["files"]) == ["labels.txt", "score.py"]
    assert (given["removed"], given["base"]) == (["model.pkl"], 1)


def test_reload_without_changes_only_starts_it_again(slipway, deployed):
    assert slipway("service", "reload", "try").code == 0
    (given,) = deployed.reloads
    assert (given["files"], given["removed"]) == ([], [])


def test_folder_that_is_not_known_here_has_to_be_named(slipway, deployed, folder, home, monkeypatch):
    monkeypatch.setenv("SLIPWAY_WORKSPACE", "vision")
    (home / "config" / "slipway" / "folders.json").write_text("damaged")
    answer = slipway("service", "reload", "try")
    assert (answer.code, "--source-dir" in answer.err) == (2, True)
    assert slipway("service", "reload", "try", "--source-dir", folder).code == 0


def test_other_services_cannot_be_reloaded(slipway, registered, folder):
    slipway("service", "deploy", "-n", "iris", "-m", "iris:1")
    answer = slipway("service", "reload", "iris", "--source-dir", folder)
    assert (answer.code, "no development service" in answer.err) == (5, True)


def test_attach_and_watch_have_no_end_and_so_no_document(slipway, registered, folder):
    for option in ("--attach", "--watch"):
        answer = slipway("service", "deploy", "-n", "try", "--source-dir", folder, option, "-o", "json")
        assert answer.code == 2
    assert not registered.services


def test_watching_reloads_on_changes_tells_mistakes_and_goes_on(slipway, deployed, folder, monkeypatch):
    deployed.log["service"] = "ready\n"
    contents = iter([SCRIPT + "# two\n", SCRIPT + "# three\n"])

    def changes(watched, seconds):
        assert watched == folder
        yield True  # nothing has changed since it was deployed
        for content in contents:
            (folder / "score.py").write_text(content)
            yield True
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changes_in", changes)
    answers = [error(400, "syntax_error", "score.py, line 1: no")]
    original = deployed.answer_reload

    def reload(service, request):
        return answers.pop() if answers and len(deployed.reloads) == 1 else original(service, request)

    monkeypatch.setattr(deployed, "answer_reload", reload)
    answer = slipway("service", "reload", "try", "--watch", "--attach")
    assert answer.code == 130
    assert "score.py, line 1: no" in answer.err
    assert len(deployed.reloads) == 2
    assert answer.out.count("ready") >= 2  # the log of each run from its beginning


def test_changed_files_are_noticed_and_bytecode_is_not(folder):
    found = watching.changes_in(folder, 0.2)
    assert next(found) is True
    (folder / "__pycache__" / "other.pyc").write_text("x")
    assert next(found) is False
    (folder / "score.py").write_text("# changed")
    assert True in islice(found, 10)
    found.close()
