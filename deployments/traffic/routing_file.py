"""The routing file: written beside the old one and renamed, only when it has changed, numbers rising."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Prefetch, QuerySet

from deployments.models import FrontStatus, Instance, KeyUse, RoutingFile, Service, Traffic
from deployments.traffic.front_config import services_of
from scoring.front_contract import Routing, decode_routing, encode_routing

ONLY = 1  # key of the only row


def routing_path() -> Path:
    """Only its owner may read it: it holds the keys that replicas know the front by."""
    return Path(settings.FRONT_FOLDER) / "routing.json"


def write_routing() -> bool:
    """Bring the file up to date; whether it had to be written. Of two workers the second waits for the first and finds
    nothing to do. Killed at any line, the next call makes it good: a number that was used is not used again."""
    RoutingFile.objects.get_or_create(pk=ONLY)
    with transaction.atomic():
        RoutingFile.objects.filter(pk=ONLY).update(
            digest=F("digest")
        )  # takes the lock, also where rows cannot be locked
        row = RoutingFile.objects.get(pk=ONLY)
        services = services_of(rows())
        digest = hashlib.sha256(msgspec.json.encode(services)).hexdigest()
        written = _number_of(routing_path())
        if digest == row.digest and written == row.number:
            return False
        row.number, row.digest = 1 + max(row.number, written, _applied()), digest
        _replace(routing_path(), encode_routing(Routing(number=row.number, services=services)))
        row.save()
    return True


def rows() -> QuerySet[Service]:
    """All services with everything that the front is told of them, read once for all."""
    today = KeyUse.objects.filter(day=datetime.now(UTC).date())
    shares = Traffic.objects.select_related("revision").order_by("revision__number")
    return (
        Service.objects.select_related("workspace")
        .prefetch_related(
            Prefetch("traffic", shares),
            Prefetch("instances", Instance.objects.all()),
            "keys",
            "hosts",
            "client_keys",
            Prefetch("key_uses", today),
        )
        .order_by("pk")
    )


def _number_of(path: Path) -> int:
    """0 where there is no file that fits."""
    try:
        return decode_routing(path.read_bytes()).number
    except (OSError, ValueError):
        return 0


def _applied() -> int:
    """The largest number that a front uses: it refuses one that is not larger."""
    return FrontStatus.objects.aggregate(largest=Max("applied"))["largest"] or 0


def _replace(path: Path, contents: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
