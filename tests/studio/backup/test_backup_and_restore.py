"""Backups: what comes back is what was there, and what is missing or damaged is said."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

SQLITE = connection.vendor == "sqlite"


def newest(place: Path) -> Path:
    return sorted((place / "snapshots").iterdir())[-1]


def artifacts_of(place: Path) -> list[Path]:
    return sorted(path for path in (place / "artifacts").rglob("*") if path.is_file())


def test_a_restored_studio_has_everything_and_its_secrets_can_be_read(studio, another, place):
    made = studio.manage("backup", str(place), "--json")
    before = studio.contents()
    restored = another.manage("restore", str(place))

    assert (made.returncode, json.loads(made.stdout)["artifacts"]) == (0, 2)
    assert restored.returncode == 0, restored.stderr
    assert "fit together" in restored.stderr
    after = another.contents()
    assert (after["service"], after["keys"], after["artifacts"]) == ("prices", before["keys"], before["artifacts"])
    assert len(after["artifacts"]) == 2
    assert (before["bundles"], after["bundles"]) == (1, 0), "what is built is built again on the new machine"
    assert (before["uploads"], after["uploads"]) == (1, 0), "the bytes of a half-received upload are not saved"
    assert another.manage("verify").returncode == 0


def test_a_backup_is_closed_to_other_users_of_the_machine(studio, place):
    studio.manage("backup", str(place))
    assert {path.stat().st_mode & 0o077 for path in place.rglob("*")} == {0}


def test_a_second_backup_sends_only_what_is_new_and_is_the_one_that_is_restored(studio, another, place):
    studio.manage("backup", str(place))
    first = {path: path.stat().st_mtime_ns for path in artifacts_of(place)}
    studio.python(
        "import django; django.setup(); import io; from registry.store import artifacts; "
        "artifacts.store(io.BytesIO(b'third'))"
    )
    studio.manage("backup", str(place))

    assert len(artifacts_of(place)) == 3
    assert all(path.stat().st_mtime_ns == written for path, written in first.items())
    another.manage("restore", str(place))
    assert "third" in another.contents()["artifacts"].values()


def test_an_older_snapshot_can_be_chosen(studio, another, place):
    made = json.loads(studio.manage("backup", str(place), "--json").stdout)
    studio.python(
        "import django; django.setup(); from deployments.models import Service; Service.objects.update(name='new')"
    )
    studio.manage("backup", str(place))

    another.manage("restore", str(place), "--snapshot", made["snapshot"])
    assert another.contents()["service"] == "prices"


def test_an_interrupted_backup_goes_on_and_is_not_offered(studio, another, place):
    studio.manage("backup", str(place))
    (newest(place) / "manifest.json").unlink()  # as if it had been killed before its end
    large = max(artifacts_of(place), key=lambda path: path.stat().st_size)
    large.write_bytes(large.read_bytes()[:1000])  # as if another program had been killed while it copied the folder

    nothing = another.manage("restore", str(place))
    again = studio.manage("backup", str(place))

    assert (nothing.returncode, "There is no backup there" in nothing.stderr) == (1, True)
    assert "2 files of models and configs, 1 of them new" in again.stderr
    assert another.manage("restore", str(place)).returncode == 0


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL's own dump is consistent by itself")
def test_the_copy_is_consistent_while_somebody_writes(studio, another, place):
    with closing(sqlite3.connect(studio.data / "slipway.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE deployments_service SET name = 'uncommitted'")
        made = studio.manage("backup", str(place))
        writer.execute("ROLLBACK")

    assert made.returncode == 0
    another.manage("restore", str(place))
    assert another.contents()["service"] == "prices"


def test_files_that_the_studio_has_lost_or_damaged_are_named_and_the_rest_is_saved(studio, another, place):
    stored = sorted(path for path in (studio.data / "artifacts").rglob("*") if path.is_file())
    stored[0].unlink()
    stored[1].chmod(0o600)
    stored[1].write_bytes(b"x" * stored[1].stat().st_size)

    made = studio.manage("backup", str(place), "--json")

    assert made.returncode == 1
    assert sorted(json.loads(made.stdout)["lost"]) == sorted(path.name for path in stored)
    restored = another.manage("restore", str(place))
    assert restored.returncode == 1
    assert {f"The file {path.name[:12]}… is missing." in restored.stderr for path in stored} == {True}


def test_a_file_that_is_damaged_in_the_backup_is_named(studio, another, place):
    studio.manage("backup", str(place))
    damaged = artifacts_of(place)[0]
    damaged.write_bytes(b"y" * damaged.stat().st_size)

    restored = another.manage("restore", str(place))

    assert restored.returncode == 1
    assert f"{damaged.name[:12]}… is damaged in the backup" in restored.stderr
    assert f"The file {damaged.name[:12]}… is missing." in restored.stderr


def test_a_damaged_database_is_not_restored(studio, another, place):
    studio.manage("backup", str(place))
    copy = next(newest(place).glob("database.*"))
    copy.write_bytes(copy.read_bytes()[:-1] + b"\x00\x01")

    restored = another.manage("restore", str(place))

    assert (restored.returncode, "is damaged" in restored.stderr) == (1, True)
    assert "Traceback" not in restored.stderr


def test_a_data_folder_that_holds_something_is_left_alone(studio, place):
    studio.manage("backup", str(place))
    studio.python(
        "import django; django.setup(); from deployments.models import Service; Service.objects.update(name='new')"
    )

    restored = studio.manage("restore", str(place))

    assert (restored.returncode, "There is a database already" in restored.stderr) == (1, True)
    assert studio.contents()["service"] == "new"


def test_a_restore_that_was_interrupted_goes_on_and_the_studio_does_not_start_meanwhile(studio, another, place):
    studio.manage("backup", str(place))
    hidden = artifacts_of(place)
    another.manage("restore", str(place))
    (another.data / "restoring").write_text(newest(place).name)
    (another.data / "artifacts" / hidden[0].parent.name / hidden[0].name).unlink()

    started = another.manage("up")
    restored = another.manage("restore", str(place))

    assert (started.returncode, "was interrupted" in started.stderr) == (1, True)
    assert restored.returncode == 0, restored.stderr
    assert len(another.contents()["artifacts"]) == 2


def test_a_backup_of_a_newer_release_is_refused_before_anything_is_written(studio, another, place):
    studio.manage("backup", str(place))
    manifest = newest(place) / "manifest.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(facts | {"migrations": [*facts["migrations"], "deployments.9999_later"]}))

    restored = another.manage("restore", str(place))

    assert restored.returncode == 1
    assert "deployments.9999_later" in restored.stderr
    assert not list(another.data.glob("slipway.sqlite3*"))
    assert not (another.data / "restoring").exists()


def test_another_encryption_key_is_noticed(studio, another, place):
    studio.manage("backup", str(place))
    another.environ["SLIPWAY_ENCRYPTION_KEYS"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    restored = another.manage("restore", str(place))

    assert (restored.returncode, "SLIPWAY_ENCRYPTION_KEYS" in restored.stderr) == (1, True)


def test_there_is_nothing_to_back_up_in_an_empty_data_folder(another, place):
    made = another.manage("backup", str(place))
    assert (made.returncode, "Is SLIPWAY_DATA right?" in made.stderr) == (1, True)
    assert not place.exists()
