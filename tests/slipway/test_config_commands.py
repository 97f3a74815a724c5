"""`slipway config`: list, show, create, update, download, delete."""

import json

import pytest

SCRIPT = "def init(): ...\ndef run(data): return data\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "score.py").write_text(SCRIPT)
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "score.pyc").write_bytes(b"")
    return folder


@pytest.fixture
def created(slipway, signed_in, source):
    slipway("config", "create", "-n", "wine", "--entry-script", "score.py", "--source-dir", source)
    return signed_in


def test_config_is_created_from_a_script_and_its_folder(slipway, signed_in, source):
    answer = slipway(
        *("config", "create", "-n", "wine", "--entry-script", "score.py", "--source-dir", source),
        *("--environment", "tools:1", "-d", "Reads.", "-o", "json"),
    )
    assert json.loads(answer.out)["id"] == "wine:1"
    (asked,) = signed_in.configs
    assert sorted(signed_in.uploads[key]["path"] for key in asked.pop("files")) == ["helper.py", "score.py"]
    facts = {"name": "wine", "kind": "entry_script", "entry_script": "score.py"}
    assert asked == facts | {"environment": "tools:1", "description": "Reads."}


def test_config_without_environment_runs_in_the_studio_s_own(created):
    assert created.configs[0]["environment"] == "slipway-runtime:latest"


def test_config_is_created_from_an_inferenceconfig(slipway, signed_in, source):
    file = source.parent / "inferenceconfig.json"
    file.write_text('\ufeff{"entryScript": "score.py", "sourceDirectory": "src"}')
    assert slipway("config", "create", "-n", "wine", "--file", file).code == 0
    (asked,) = signed_in.configs
    assert signed_in.imported["inferenceconfig"] == {"entryScript": "score.py", "sourceDirectory": "src"}
    assert (asked["entry_script"], asked["environment"]) == ("score.py", "slipway-runtime:latest")
    assert sorted(signed_in.uploads[key]["path"] for key in asked["files"]) == ["helper.py", "score.py"]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--entry-script", "score.py", "--file", "inferenceconfig.json"],
        ["--file", "inferenceconfig.json", "--environment", "tools:1"],
        ["--file", "nothing.json"],
        ["--entry-script", "nothing.py"],
    ],
)
def test_config_create_with_options_that_do_not_fit_ends_with_2(slipway, signed_in, options):
    assert slipway("config", "create", "-n", "wine", *options).code == 2
    assert signed_in.configs == []


def test_configs_are_listed_and_shown(slipway, created):
    row = slipway("config", "list").out.splitlines()[1]
    assert row.split("\t")[:4] == ["wine:1", "score.py", "slipway-runtime:latest", "2"]
    assert "  helper.py  6 B  " in slipway("config", "show", "wine:1").out


def test_updated_config_keeps_what_is_not_named(slipway, created):
    assert slipway("config", "update", "wine:1", "--environment", "tools:2").code == 0
    assert created.configs[1] == {"name": "wine", "base": "wine:1", "environment": "tools:2"}


def test_updated_config_gets_a_new_script_and_its_files(slipway, created, source):
    (source / "score.py").write_text(SCRIPT + "# new\n")
    assert slipway("config", "update", "wine:1", "--source-dir", source).code == 0
    asked = created.configs[1]
    assert (asked["base"], asked["entry_script"], len(asked["files"])) == ("wine:1", "score.py", 2)


def test_config_update_without_a_change_ends_with_2(slipway, created):
    assert slipway("config", "update", "wine:1").code == 2


def test_downloaded_config_can_be_created_again(slipway, created, tmp_path):
    target = tmp_path / "target"
    assert slipway("config", "download", "wine:1", "-t", target).code == 0
    assert (target / "score.py").read_text() == SCRIPT
    assert slipway("config", "download", "wine:1", "-t", target).code == 5
    assert slipway("config", "create", "-n", "copy", "--file", target / "inferenceconfig.json").code == 0
    again = created.configs[1]
    assert again["entry_script"] == "score.py"
    assert sorted(created.uploads[key]["path"] for key in again["files"]) == ["helper.py", "score.py"]


def test_config_is_deleted_by_version_after_a_question(slipway, created):
    assert slipway("config", "delete", "wine", "--yes").code == 2
    assert slipway("config", "delete", "wine:1").code == 2
    assert slipway("config", "delete", "wine:1", "--yes").out == "Deleted wine:1.\n"
    assert created.deleted == "wine:1"
