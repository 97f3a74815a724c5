"""Secrets: made once, whole, for their owner only; encrypted in the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection

from deployments.models import Key
from studio.core.secrets import read_or_create_secret


def test_a_secret_is_made_once(tmp_path):
    first = read_or_create_secret(tmp_path / "key")

    assert read_or_create_secret(tmp_path / "key") == first
    assert len(first) >= 48
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_only_its_owner_may_read_it(tmp_path):
    read_or_create_secret(tmp_path / "key")

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_those_who_ask_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: read_or_create_secret(tmp_path / "key", fernet=True), range(40)))

    assert len(answers) == 1
    Fernet(answers.pop())


@pytest.mark.django_db
def test_the_database_never_holds_the_text_and_older_keys_still_open_it(settings):
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
