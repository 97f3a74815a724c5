"""The registry's own errors; all of them carry over to pages and REST by themselves."""

from studio.core.errors import BadInput, Conflict, SlipwayError, Temporary


class StorageFull(Temporary):
    """No room for these bytes; nothing of them is kept."""

    code = "storage_full"
    status = 507


class WrongOffset(Conflict):
    """A chunk that does not continue where the upload stands. `received` is where to go on, in bytes."""

    code = "wrong_offset"
    retryable = True

    def __init__(self, message: str, *, received: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, field="offset")
        self.received = received


class DigestMismatch(BadInput):
    """The bytes that arrived are not the bytes that were announced."""

    code = "digest_mismatch"


class SizeMismatch(BadInput):
    """More or fewer bytes arrived than were announced."""

    code = "size_mismatch"


class UnsafePath(BadInput):
    """A file name that would leave its folder, or that no file system can keep."""

    code = "unsafe_path"


class BadArchive(BadInput):
    """An archive that cannot be read, or that must not be unpacked."""

    code = "bad_archive"


class InUse(Conflict):
    """Something still needs this; the message names it."""

    code = "in_use"


class FileDamaged(SlipwayError):
    """The store holds other bytes for the file at `path` than were stored."""

    code = "file_damaged"
    status = 409
    turn = "user"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            self._sentence(path),
            hint="Upload the same file again, for example by registering it once more: the store takes its bytes in "
            "place of the damaged ones, for every version and config that has them.",
        )

    def _sentence(self, path: str) -> str:
        return f"The stored bytes of {path} are no longer those that were uploaded: their SHA-256 differs."


class FileLost(FileDamaged):
    """The store no longer holds any bytes for a file."""

    code = "file_lost"

    def _sentence(self, path: str) -> str:
        return f"The file {path} is no longer in the store."


class WallsMissing(Temporary):
    """Files of other people are not opened, and their code is not run, behind less than the settings ask for."""

    code = "walls_missing"

    def __init__(self, problem: str) -> None:
        super().__init__(
            problem,
            hint="Ask an administrator to install bubblewrap on the studio's machine, or to let SLIPWAY_REQUIRE_WALLS "
            "name a lower level; then try again.",
        )
