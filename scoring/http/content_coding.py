"""HTTP content codings (RFC 9110, 8.4): their names and zlib's parameters for them."""

GZIP, ZLIB, RAW = 31, 15, -15  # zlib's `wbits`
CONTAINERS = {b"gzip": GZIP, b"deflate": ZLIB}  # the first is preferred
OTHER_NAMES = {b"x-gzip": b"gzip"}


def coding_name(item: bytes) -> bytes:
    """The name of a coding as clients write it, in one spelling."""
    name = item.strip().lower()
    return OTHER_NAMES.get(name, name)
