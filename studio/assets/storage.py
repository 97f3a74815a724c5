"""How collected static files are named and kept."""

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):
    """Names with a hash, which browsers keep for good, and a gzip copy beside each file.

    Files are not searched for references to others: ours have none, and those of packages find the plain names.
    """

    patterns = ()

    def stored_name(self, name: str) -> str:
        """The plain name of a file that was not collected: a page without its style is better than none."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name

    def create_compressor(self, **kwargs: Any) -> Compressor:
        """Without brotli, which costs seconds and which browsers accept over TLS only."""
        return Compressor(**kwargs | {"use_brotli": False})
