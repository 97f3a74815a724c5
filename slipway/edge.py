"""Archives of revisions for devices from Python: `client.edge`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from slipway import waiting
from slipway.calls import Calls
from slipway.downloads import fetch_file
from slipway.errors import Failed
from slipway.types import EdgeExport

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Edge:
    """What goes to devices. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def export(
        self,
        service: str,
        revision: int | None = None,
        *,
        timeout: float = 900,
        on_look: Callable[[EdgeExport], None] = lambda export: None,
    ) -> EdgeExport:
        """Have a revision packed (None: the wanted one) and wait for the end. Raises `Failed`, `TimedOut`."""
        place = f"services/{quote(service)}/edge-exports"
        begun = cast(EdgeExport, self._call("POST", place, {"revision": revision}))

        def look() -> EdgeExport:
            found = cast(EdgeExport, self._call("GET", f"{place}/{begun['id']}"))
            on_look(found)
            return found

        what = f"The export of {service}, revision {begun['revision']},"
        found = waiting.wait(look, lambda export: export["state"] in ENDED, what=what, timeout=timeout)
        if found["state"] != "succeeded":
            raise Failed.because(f"{what} failed", cast(dict[str, Any] | None, found["error"]))
        return found

    def download(
        self,
        service: str,
        export: EdgeExport,
        place: Path,
        *,
        overwrite: bool = False,
        progress: Callable[[int], None] = lambda count: None,
    ) -> Path:
        """Write the file of an export to `place`, checked by its SHA-256."""
        url = f"{self._calls.base}/services/{quote(service)}/edge-exports/{export['id']}/file"
        facts: Any = {"path": export["filename"], "size": export["size_bytes"], "sha256": export["sha256"]}
        return fetch_file(self._calls.transport, url, facts, place, overwrite=overwrite, progress=progress)

    def iot_edge_manifest(self, service: str, revision: int | None = None) -> dict[str, Any]:
        """A deployment manifest for Azure IoT Edge; refused where no registry has the revision's image."""
        asked = {} if revision is None else {"revision": revision}
        place = f"services/{quote(service)}/iot-edge-manifest"
        return cast(dict[str, Any], self._call("GET", place, params=asked))

    def public_key(self) -> str:
        """What devices check signatures of this studio with, as PEM."""
        return str(self._call("GET", "signing-key")["pem"])
