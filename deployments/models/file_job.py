"""Jobs that make a file for people to download."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models

from studio.core.jobs import Job


class FileJob(Job):
    """`digest` and `size_bytes` are of the file; it goes after a while (`removed_at`), and the row stays.

    `folder`: where files of the kind lie, below the data folder. `how_to_get_again`: what people are told who ask for
    one that has gone.
    """

    folder: ClassVar[str]
    how_to_get_again: ClassVar[str]

    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    digest = models.CharField(max_length=64, blank=True)  # SHA-256, hex
    size_bytes = models.BigIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def path(self) -> Path:
        """Where the file is, once it is whole."""
        return self.files_folder() / f"{self.pk}.tar.gz"

    @classmethod
    def files_folder(cls) -> Path:
        return Path(settings.DATA_DIR) / cls.folder

    @property
    def filename(self) -> str:
        """What people save it as."""
        raise NotImplementedError

    @property
    def can_be_downloaded(self) -> bool:
        return bool(self.digest) and self.removed_at is None
