"""What happens before the programs start: the release is checked, the database is copied and migrated."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from studio.accounts.models import User
from studio.backup.releases import check_database_is_not_newer, unknown_migrations
from studio.core.errors import BadInput, Conflict
from studio.stack import first_start, guards


@pytest.mark.django_db
def test_a_database_of_a_newer_release_is_refused_with_the_next_step():
    MigrationRecorder(connection).record_applied("deployments", "9999_later")
    with pytest.raises(Conflict, match=r"deployments\.9999_later") as refused:
        first_start.migrate_if_needed()
    assert "backup.md" in refused.value.hint


@pytest.mark.django_db
def test_a_database_of_this_release_is_taken_and_nothing_is_copied():
    check_database_is_not_newer("")
    assert not first_start.migrate_if_needed()
    assert not list(first_start.copies_folder().glob("*"))


def test_apps_that_only_a_newer_release_has_are_unknown_too():
    assert unknown_migrations(["accounts.0001_initial", "pipelines.0001_initial"]) == ["pipelines.0001_initial"]


@pytest.mark.django_db(transaction=True)
def test_a_few_copies_of_the_database_are_kept_from_before_migrations(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    for number in range(5):
        monkeypatch.setattr(first_start, "_now", lambda number=number: f"2026010{number}T000000Z")
        first_start.copy_database_before(f"accounts.000{number}_next")

    copies = sorted(path.name for path in first_start.copies_folder().iterdir())
    assert [name.partition(".")[0] for name in copies] == [
        f"2026010{number}T000000Z-before-accounts" for number in (2, 3, 4)
    ]
    assert all(path.stat().st_size > 10_000 for path in first_start.copies_folder().iterdir())


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["a", "password12", "short-one", "12345678901"])
def test_an_administrator_s_password_that_is_easy_to_guess_is_refused(password):
    User.objects.all().delete()
    with pytest.raises(BadInput, match="SLIPWAY_ADMIN_PASSWORD"):
        first_start.first_administrator(password)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_made_up_password_of_the_administrator_passes_the_same_checks():
    password = first_start.first_administrator(None)
    assert User.objects.get().check_password(password)


@pytest.mark.parametrize(("mode", "is_refused"), [(0o700, False), (0o711, False), (0o750, True), (0o1777, True)])
def test_a_data_folder_that_others_can_look_into_is_refused(tmp_path, mode, is_refused):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    if is_refused:
        with pytest.raises(Conflict, match="can look into") as refused:
            guards.check_private(data)
        assert refused.value.hint == f"Close it: chmod 700 {data}"
    else:
        guards.check_private(data)
