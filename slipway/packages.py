"""Packages of models and revisions from Python: `client.packages`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from slipway import waiting
from slipway.calls import Calls
from slipway.downloads import fetch_file
from slipway.errors import Failed
from slipway.types import Package

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Packages:
    """What runs on machines without a studio. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self) -> Iterator[Package]:
        """All of them, newest first."""
        return self._calls.rows("packages")

    def create(self, **asked: Any) -> Package:
        """Have a version packed (`model`, with `config`), or a revision (`service`, `revision`), as `form` image or
        context; `offline` puts the packages' files into a context."""
        return cast(Package, self._call("POST", "packages", asked))

    def wait(
        self, package: Package, *, timeout: float = 900, on_look: Callable[[Package], None] = lambda package: None
    ) -> Package:
        """Wait for the end. Raises `Failed`, `TimedOut`."""

        def look() -> Package:
            found = cast(Package, self._call("GET", f"packages/{package['id']}"))
            on_look(found)
            return found

        what = f"The package of {package['subject']}"
        found = waiting.wait(look, lambda package: package["state"] in ENDED, what=what, timeout=timeout)
        if found["state"] != "succeeded":
            raise Failed.because(f"{what} failed", cast(dict[str, Any] | None, found["error"]))
        return found

    def download(
        self,
        package: Package,
        place: Path,
        *,
        overwrite: bool = False,
        progress: Callable[[int], None] = lambda count: None,
    ) -> Path:
        """Write the file of a context to `place`, checked by its SHA-256."""
        url = f"{self._calls.base}/packages/{package['id']}/file"
        facts: Any = {"path": package["filename"], "size": package["size_bytes"], "sha256": package["sha256"]}
        return fetch_file(self._calls.transport, url, facts, place, overwrite=overwrite, progress=progress)
