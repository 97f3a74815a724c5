"""Secrets at rest: text encrypted with the studio's keys (Fernet, newest key first)."""

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField  # Django's fields take no type arguments when they run


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


class EncryptedTextField(_Text):
    """Text that the database only ever holds encrypted; it cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else _box().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return None if value is None else _box().decrypt(value.encode()).decode()
