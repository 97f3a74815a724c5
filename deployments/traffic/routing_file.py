"""The routing file: written beside the old one and renamed, only when it has changed, numbers rising."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Prefetch, QuerySet

from deployments.models import Desired, FrontStatus, Instance, KeyUse, RoutingFile, Service, Traffic
from deployments.traffic.front_config import services_of
from scoring.front_contract import FrontService, Routing, encode_routing, routing_number
from studio.core.atomic_files import write_atomically

ONLY = 1  # key of the only row


def routing_path() -> Path:
    """Only its owner may read it: it holds the keys that replicas know the front by."""
    return Path(settings.FRONT_FOLDER) / "routing.json"


def write_routing() -> bool:
    """Bring the file up to date; whether it had to be written. Where nothing has changed, nothing is locked. Of two
    workers the second waits for the first and finds nothing to do. Killed at any line, the next call makes it good: a
    number that was used is not used again."""
    if not settings.FRONT["enabled"] or _is_written(services_of(rows())):
        return False
    RoutingFile.objects.get_or_create(pk=ONLY)
    with transaction.atomic():
        RoutingFile.objects.filter(pk=ONLY).update(
            digest=F("digest")
        )  # takes the lock, also where rows cannot be locked
        services = services_of(rows())  # as they are now: another worker may have written what is newer
        if _is_written(services):
            return False
        row = RoutingFile.objects.get(pk=ONLY)
        row.number, row.digest = 1 + max(row.number, _number_of(routing_path()), _applied()), _digest_of(services)
        contents = encode_routing(Routing(number=row.number, services=services))
        routing_path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(routing_path(), contents, durable=True)
        row.save()
    return True


def _is_written(services: list[FrontService]) -> bool:
    row = RoutingFile.objects.filter(pk=ONLY).first()
    return row is not None and row.digest == _digest_of(services) and row.number == _number_of(routing_path())


def _digest_of(services: list[FrontService]) -> str:
    return hashlib.sha256(msgspec.json.encode(services)).hexdigest()


def rows() -> QuerySet[Service]:
    """All services that should run, with everything that the front is told of them, read once for all."""
    today = KeyUse.objects.filter(day=datetime.now(UTC).date())
    shares = Traffic.objects.select_related("revision").order_by("revision__number")
    return (
        Service.objects.filter(desired=Desired.RUNNING)
        .select_related("workspace")
        .defer("telemetry_token")
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
        return routing_number(path.read_bytes())
    except (OSError, ValueError):
        return 0


def _applied() -> int:
    """The largest number that a front uses: it refuses one that is not larger."""
    return FrontStatus.objects.aggregate(largest=Max("applied"))["largest"] or 0
