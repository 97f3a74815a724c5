"""What is carried elsewhere."""

from typing import TypedDict

from slipway.types.causes import Cause


class EdgeExport(TypedDict):
    """A revision as an archive for devices. `sha256` is of the file, and empty until it is there."""

    id: int
    revision: int
    state: str
    step: str
    progress: float
    error: Cause | None
    filename: str
    size_bytes: int
    sha256: str
    can_be_downloaded: bool


class Package(TypedDict):
    """A version or a revision for machines without a studio. `image` names an image, `sha256` is of a file."""

    id: int
    subject: str
    form: str
    offline: bool
    state: str
    step: str
    progress: float
    error: Cause | None
    image: str
    filename: str
    size_bytes: int
    sha256: str
    can_be_downloaded: bool
