"""Secrets at rest: text encrypted with the studio's keys (Fernet, newest key first)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField  # Django's fields take no type arguments when they run


REMEMBERED = 4096  # texts that a process has decrypted: whoever reads its memory finds the keys there, too


@lru_cache(maxsize=1)
def _box(keys: tuple[Any, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


@lru_cache(maxsize=REMEMBERED)
def _decrypted(text: str, keys: tuple[Any, ...]) -> str:
    """Remembered, since the loops of the studio read the same rows again and again."""
    return _box(keys).decrypt(text.encode()).decode()


class EncryptedTextField(_Text):
    """Text that the database only ever holds encrypted; it cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(str(value).encode()).decode()

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return None if value is None else _decrypted(value, tuple(settings.ENCRYPTION_KEYS))
