"""Secrets: created once, atomically, readable by their owner only; encrypted in the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection

from deployments.models import Key
from studio.core.secrets import read_or_create_secret


def test_secret_is_created_once(tmp_path):
    first = read_or_create_secret(tmp_path / "key")

    assert read_or_create_secret(tmp_path / "key") == first
    assert len(first) >= 48
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_secret_file_is_readable_by_its_owner_only(tmp_path):
    read_or_create_secret(tmp_path / "key")

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_concurrent_callers_get_the_same_secret(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: read_or_create_secret(tmp_path / "key", fernet=True), range(40)))

    assert len(answers) == 1
    Fernet(answers.pop())


@pytest.mark.django_db
def test_value_is_encrypted_in_the_database_and_older_keys_decrypt_it(settings):
    older, newer = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    field = Key._meta.get_field("value")
    settings.ENCRYPTION_KEYS = [older]
    kept = field.get_prep_value("a service's key")
    assert "service" not in kept

    settings.ENCRYPTION_KEYS = [newer, older]
    assert field.from_db_value(kept, None, connection) == "a service's key"

    settings.ENCRYPTION_KEYS = [newer]
    with pytest.raises(InvalidToken):
        field.from_db_value(kept, None, connection)
