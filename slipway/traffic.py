"""Traffic of services: which revisions run, and what each gets of the requests."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from slipway import waiting
from slipway.calls import Calls
from slipway.errors import Failed
from slipway.types import Share, Traffic

ENDS = frozenset({"Healthy", "Failed"})


class TrafficOfServices:
    """`client.traffic`."""

    def __init__(self, calls: Calls) -> None:
        self._call = calls.call

    def show(self, service: str) -> Traffic:
        """Its revisions with their shares, and how each of them stands."""
        return cast(Traffic, self._call("GET", _place(service)))

    def change(  # noqa: PLR0913 - a keyword for each thing that may change
        self,
        service: str,
        percents: Mapping[int, float] | None = None,
        *,
        mirrors: Mapping[int, float] | None = None,
        default: int | None = None,
        sticky: Mapping[str, str] | None = None,
        hosts: Sequence[str] | None = None,
        generation: int | None = None,
        reason: str = "",
    ) -> Traffic:
        """Give revisions shares of the requests in per cent and, with `mirrors`, copies.

        Those that neither names stop, but for the default one, which gets what is missing to 100 %. Without either,
        shares and copies stay, and so does all else that is None; `sticky` is {"header": name}, {"cookie": name}, or {}
        to leave it to chance. With the `generation` of what `show` gave, a service that has changed since is left as it
        is: `SlipwayApiError`.
        """
        given = {"revisions": _rows(percents, mirrors), "sticky": sticky, "hosts": hosts, "generation": generation}
        body: dict[str, Any] = {"default": default, "reason": reason}
        body |= {key: value for key, value in given.items() if value is not None}
        return cast(Traffic, self._call("PUT", _place(service), body))

    def promote(self, service: str, revision: int) -> Traffic:
        """Give all requests to one of the revisions that run, and stop the others."""
        return cast(Traffic, self._call("POST", f"{_place(service)}/promote", {"revision": revision}))

    def abort(self, service: str) -> Traffic:
        """Give all requests to the default revision, and stop the others."""
        return cast(Traffic, self._call("POST", f"{_place(service)}/abort"))

    def take_out(self, service: str, revision: int) -> Traffic:
        """Stop one of the revisions; its share goes to the default one."""
        return cast(Traffic, self._call("DELETE", f"{_place(service)}/{revision}"))

    def wait_healthy(self, service: str, revision: int, timeout: float = 600) -> Traffic:
        """Wait until a revision that runs beside others is Healthy. Raises `Failed` and `TimedOut`."""
        what = f"Revision {revision} of {service} becoming Healthy"
        found = waiting.wait(
            lambda: self.show(service), lambda seen: _of(seen, revision)["state"] in ENDS, what=what, timeout=timeout
        )
        row = _of(found, revision)
        if row["state"] != "Healthy":
            raise Failed.because(f"Revision {revision} of {service} is Failed", cast(Any, row["error"]))
        return found


def _rows(percents: Mapping[int, float] | None, mirrors: Mapping[int, float] | None) -> list[dict[str, float]] | None:
    """None where neither is given."""
    if percents is None and mirrors is None:
        return None
    shares, copies = percents or {}, mirrors or {}
    return [
        {"revision": number, "percent": shares.get(number, 0), "mirror_percent": copies.get(number, 0)}
        for number in sorted({*shares, *copies})
    ]


def _place(service: str) -> str:
    return f"services/{quote(service)}/traffic"


def _of(traffic: Traffic, revision: int) -> Share:
    """That of a revision; one that is not among them has been taken out."""
    return next(
        (row for row in traffic["revisions"] if row["revision"] == revision),
        Share(
            revision=revision,
            percent=0,
            mirror_percent=0,
            is_default=False,
            label="",
            state="Failed",
            error=None,
            shadow=None,
        ),
    )
