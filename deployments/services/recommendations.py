"""What was measured of versions and revisions, for the forms that deploy them.

Who measures it stands above this app and registers here when the studio starts (monitoring.apps); until then nothing
is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from registry.models import ModelVersion
from studio.accounts.models import Workspace
from studio.core.errors import NotFound


@dataclass(frozen=True)
class Recommendation:
    """`options` is a part of a deployment config; `words` say where it comes from, and `address` leads there. `model`
    is name:number of what was measured, empty for a revision."""

    options: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    address: str = ""
    model: str = ""
    config: str = ""


Reader = Callable[[Workspace, str], Recommendation | None]
NewestReader = Callable[[ModelVersion], Recommendation | None]

_readers: list[tuple[Reader, NewestReader]] = []


def register(by_reference: Reader, newest: NewestReader) -> None:
    """Have these tell what a profile recommends, by its number or name, and what the newest one of a version does."""
    _readers[:] = [(by_reference, newest)]


def recommended_by(workspace: Workspace, reference: str) -> Recommendation:
    """Raises `NotFound` for a profile that there is not, and for one that recommends nothing."""
    found = _readers[0][0](workspace, reference) if _readers else None
    if found is None:
        raise NotFound(f"Profile {reference[:50]} recommends nothing.", hint="Fill the form in by hand.")
    return found


def newest_for(version: ModelVersion) -> Recommendation | None:
    """What the newest profile of the version recommends, if one does."""
    return _readers[0][1](version) if _readers else None
