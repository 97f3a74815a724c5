"""Names of numbered things that people define: environments and inference configs."""

import re

from studio.core.errors import BadInput

MAX_NAME = 120  # characters, as the columns that keep them
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")


def check_name(name: str, *, field: str = "name") -> str:
    """The name, or `BadInput` saying which are accepted."""
    if len(name) > MAX_NAME or not _NAME.match(name):
        raise BadInput(
            f"'{name[:MAX_NAME]}' cannot be used as a name.",
            hint=f"Use letters, digits, '.', '_' and '-', at most {MAX_NAME}; the first and last is a letter or digit.",
            field=field,
        )
    return name


def split_reference(reference: str) -> tuple[str, int | None]:
    """'name:3' → ('name', 3); 'name' and 'name:latest' → ('name', None); a wrong number → ('name', 0)."""
    name, _, number = reference.partition(":")
    if number in {"", "latest"}:
        return name, None
    return name, int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
