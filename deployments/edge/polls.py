"""A device asks: its report is kept, and it gets its signed document when there is a newer one than it has."""

import hashlib
from typing import Annotated, Any

import msgspec
import orjson
from django.db import transaction
from django.utils import timezone

from deployments.edge.device_rollouts import releases_for
from deployments.edge.signing import sign
from deployments.models import Device
from deployments.targets.edge.published import Published
from scoring.edge_contract import FORMAT, MAX_REPORT_BYTES
from studio.core.errors import BadInput, TooLarge
from studio.core.storable import storable

POLL_SECONDS = 10.0
MOST_SEQUENCE = 2**53  # larger whole numbers do not survive JSON
Text = Annotated[str, msgspec.Meta(max_length=8000)]


class ReportedService(msgspec.Struct):
    """Of one service. `running`: the revision that answers there; `wanted`: the one that the device strives for."""

    state: Annotated[str, msgspec.Meta(max_length=20)]
    running: int | None = None
    wanted: int | None = None
    problem: dict[str, Text] | None = None
    crashes: int = 0


class Report(msgspec.Struct):
    """What an agent tells with every call (scoring/edge/agent.py)."""

    sequence: Annotated[int, msgspec.Meta(ge=0, lt=MOST_SEQUENCE)]
    services: Annotated[dict[str, ReportedService], msgspec.Meta(max_length=1000)] = {}
    python: dict[str, Text] = {}
    problem: dict[str, Text] | None = None
    clock: float = 0.0
    format: int = FORMAT


def read_report(body: bytes) -> Report:
    """Raises `BadInput`, `TooLarge`."""
    if len(body) > MAX_REPORT_BYTES:
        raise TooLarge(f"A report of a device has at most {MAX_REPORT_BYTES} bytes.")
    try:
        return msgspec.json.decode(body, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"This is no report of a device: {error}", code="report_malformed") from error


def answer(device: Device, report: Report) -> dict[str, str] | None:
    """Keep the report; gives the signed document, None where the device has it already.

    A sequence rises above all that the device has seen, also when this studio was restored from an older copy.
    """
    content = _content(device)
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with transaction.atomic():
        known = Device.objects.values("sequence", "content_digest").get(pk=device.pk)
        is_news = known["content_digest"] != digest or known["sequence"] < report.sequence
        sequence = max(known["sequence"], report.sequence) + 1 if is_news else known["sequence"]
        Device.objects.filter(pk=device.pk).update(
            last_seen_at=timezone.now(),
            report=storable(msgspec.to_builtins(report)),
            sequence=sequence,
            content_digest=digest,
        )
    if report.sequence == sequence:
        return None
    document = orjson.dumps(content | {"sequence": sequence}).decode()
    return {"document": document, "signature": sign(document.encode())}


def _content(device: Device) -> dict[str, Any]:
    """The document without its sequence."""
    return {
        "format": FORMAT,
        "device": str(device.pk),
        "poll_seconds": POLL_SECONDS,
        "services": [_service(release) for release in releases_for(device)],
    }


def _service(release: Published) -> dict[str, Any]:
    return {
        "id": release.service,
        "name": release.name,
        "asked": release.asked,
        "keys": release.keys,
        "release": release.release,
    }


def may_fetch(device: Device, sha256: str) -> bool:
    """Whether the part belongs to something that the device is to run."""
    parts = (part for release in releases_for(device) for part in release.release["parts"].values())
    return any(part["sha256"] == sha256 for part in parts)
