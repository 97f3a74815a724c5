"""What people do with a service's traffic: give revisions shares, copies and stickiness; promote, abort."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from deployments.builds import builds
from deployments.control.facts import build_of, facts_of, instances_of, traffic_of
from deployments.control.notes import Notes
from deployments.control.service_phase import ServiceFacts
from deployments.desired_state import change, record_event, request_advance
from deployments.errors import (
    BadTraffic,
    HostTaken,
    IsDefault,
    RevisionHasFailed,
    TrafficChangedSince,
)
from deployments.events import HOSTS_CHANGED, STICKINESS_CHANGED
from deployments.models import HostName, Instance, InstanceDesired, Phase, Revision, Service
from deployments.services import operations
from deployments.services.operations import Verb
from deployments.services.rollback import revision_of
from deployments.traffic.front_reports import ejected_replicas
from deployments.traffic.rules import complete_hosts, complete_shares, complete_sticky
from deployments.traffic.shadow_figures import shadow_figures
from deployments.traffic.shares import Share, give_shares, in_words, shares_of
from deployments.version_uses import record_uses
from studio.accounts.models import User
from studio.core.enqueue import enqueue_task_on_commit
from studio.core.errors import NotFound
from studio.core.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class TrafficRequest:
    """What a person asks for. `percents` and `mirrors`: by number of revision; revisions that neither names lose their
    row and stop, but for the default one. `percents`: None for the present shares and copies. `default`: None for the
    present one. `sticky`, `hosts`: None stays. `generation`: of the service that the person looked at; None: whatever
    it is by now."""

    percents: Mapping[int, float] | None = None
    mirrors: Mapping[int, float] = field(default_factory=dict)
    default: int | None = None
    sticky: Mapping[str, Any] | None = None
    hosts: list[str] | None = None
    generation: int | None = None
    reason: str = ""


def change_traffic(service: Service, actor: User, request: TrafficRequest) -> None:
    """Give the revisions these shares. Those that are new to it start; they get requests once they are ready.

    Raises `BadTraffic`, `NotFound`, `RevisionHasFailed`, `RevisionNotBuilt`, `HostTaken`, `TrafficChangedSince`,
    `ChangedMeanwhile`, and as `operations.check` does.
    """
    facts, before = facts_of(service), shares_of(service)
    operations.check(service, Verb.CHANGE_TRAFFIC, facts)
    if request.generation not in {None, service.generation}:
        raise TrafficChangedSince(service.name, _in_words(service, before))
    wanted = as_request(before) if request.percents is None else request
    default = request.default or service.default_revision
    shares = complete_shares(wanted.percents or {}, wanted.mirrors, default)
    added = [_revision(service, number) for number in shares if number not in before]
    _check_can_answer(service, shares, default=service.default_revision)
    if default != service.default_revision:
        _check_can_be_default(service, facts, default)
    columns: dict[str, Any] = {"wanted_revision": default}
    if request.sticky is not None:
        columns["sticky"] = complete_sticky(request.sticky)
    with transaction.atomic():
        change(service, due_at=timezone.now())
        if request.hosts is not None and _set_hosts(service, names := complete_hosts(request.hosts)):
            record_event(HOSTS_CHANGED, service, actor, reason=request.reason, hosts=names or ["none"])
        for revision in added:
            if not revision.builds.unfinished().exists():
                builds.build_for(revision)  # succeeds at once: the bundle is there
        if columns.get("sticky", service.sticky) != service.sticky:
            service.traffic.update(since=timezone.now())  # other users than before, for who compares revisions by them
        give_shares(service, shares, default, actor=actor, reason=request.reason, **columns)
        _record_routing(service, actor, request, columns.get("sticky"))
        record_uses(service)
        request_advance(service)
        enqueue_task_on_commit("deployments.tasks.write_routing")


def promote(service: Service, actor: User, number: int) -> None:
    """Give all requests to one of the revisions that run, and stop the others."""
    change_traffic(service, actor, TrafficRequest(percents={number: 100.0}, default=number))


def abort(service: Service, actor: User) -> None:
    """Give all requests to the default revision again, and stop the others."""
    change_traffic(service, actor, TrafficRequest(percents={}))


def take_out(service: Service, actor: User, number: int) -> None:
    """Stop one of the revisions; its share goes to the default one. Raises `IsDefault`, `NotFound` and as
    `change_traffic` does."""
    shares = shares_of(service)
    if number == service.default_revision:
        raise IsDefault(service.name, number)
    if shares.pop(number, None) is None:
        raise NotFound(f"Revision {number} of '{service.name}' has no traffic and does not run.", field="revision")
    change_traffic(service, actor, as_request(shares))


def as_request(shares: Mapping[int, Share], *, reason: str = "") -> TrafficRequest:
    """To ask for what is so."""
    return TrafficRequest(
        percents={number: share.percent for number, share in shares.items()},
        mirrors={number: share.mirror_percent for number, share in shares.items() if share.mirror_percent},
        reason=reason,
    )


def describe_traffic(service: Service) -> dict[str, Any]:
    """As REST answers and pages show it."""
    instances = {instance.revision.number: instance for instance in instances_of(service)}
    shadows = shadow_figures(service)
    ejected = ejected_replicas()
    return {
        "generation": service.generation,
        "default": service.default_revision or None,
        "sticky": service.sticky or None,
        "hosts": sorted(host.name for host in service.hosts.all()),
        "revisions": [
            {
                "revision": row.revision.number,
                "label": row.revision.label,
                "percent": row.percent,
                "mirror_percent": row.mirror_percent,
                "is_default": row.revision.number == service.default_revision,
                "state": _state(row.revision, instances),
                "error": _error(row.revision, instances),
                "shadow": asdict(shadows[row.revision.number]) if row.revision.number in shadows else None,
                "replicas": _replicas(instances.get(row.revision.number), ejected),
            }
            for row in traffic_of(service)
        ],
    }


def _state(revision: Revision, instances: Mapping[int, Any]) -> str:
    if instance := instances.get(revision.number):
        return str(instance.phase)
    build = build_of(revision)
    failed = build is not None and build.state in {JobState.FAILED, JobState.CANCELLED}
    return (Phase.FAILED if failed else Phase.TRANSITIONING).value


def _replicas(instance: Instance | None, ejected: Collection[str]) -> dict[str, int]:
    """How many there are to be, are ready, and get no requests because the front could not reach them."""
    if instance is None or instance.desired != InstanceDesired.RUNNING:
        return {"wanted": 0, "ready": 0, "ejected": 0}
    return {
        "wanted": instance.replicas,
        "ready": Notes.of(instance).observation.ready(instance.replicas),
        "ejected": sum(1 for replica in ejected if replica.partition("-")[0] == str(instance.pk)),
    }


def _error(revision: Revision, instances: Mapping[int, Any]) -> dict[str, Any] | None:
    if instance := instances.get(revision.number):
        cause: dict[str, Any] | None = instance.cause
        return cause
    build = build_of(revision)
    return build.error if build else None


def _revision(service: Service, number: int) -> Revision:
    """One that can run: it is built, or is being built."""
    row = service.revisions.filter(number=number).select_related("config__environment").first()
    if row is not None and row.builds.unfinished().exists():
        return row
    return revision_of(service, number)


def _check_can_answer(service: Service, shares: Mapping[int, Share], default: int) -> None:
    """A revision that has failed may be tried again, and gets no share before it is healthy. How one ended that is not
    wanted any more says nothing of its next try."""
    asked = [
        number for number, share in shares.items() if (share.percent or share.mirror_percent) and number != default
    ]
    running = [one for one in instances_of(service) if one.desired == InstanceDesired.RUNNING]
    instances = {one.revision.number: one for one in running}
    for revision in service.revisions.filter(number__in=asked).prefetch_related("builds"):
        if _state(revision, instances) == Phase.FAILED:
            message = (_error(revision, instances) or {}).get("message", "")
            raise RevisionHasFailed(service.name, revision.number, message)


def _check_can_be_default(service: Service, facts: ServiceFacts, number: int) -> None:
    instance = facts.instance(number)
    if instance is None or not instance.is_proven:
        raise BadTraffic(
            f"Revision {number} is not ready, and cannot be the default of '{service.name}'.",
            hint=f"Give it 0 % until it is healthy, or use slipway service rollback {service.name} --to {number}.",
            field="default",
        )


def _set_hosts(service: Service, names: list[str]) -> bool:
    """Whether anything changed. Raises `HostTaken`."""
    if names == sorted(service.hosts.values_list("name", flat=True)):
        return False
    service.hosts.exclude(name__in=names).delete()
    for name in names:
        try:
            with transaction.atomic():
                held, _ = HostName.objects.get_or_create(name=name, defaults={"service": service})
        except IntegrityError as error:
            raise HostTaken(name) from error
        if held.service_id != service.pk:
            raise HostTaken(name)
    return True


def _record_routing(service: Service, actor: User, request: TrafficRequest, sticky: dict[str, str] | None) -> None:
    """The event of another stickiness or other host names."""
    if sticky is not None and sticky != service.sticky:
        record_event(STICKINESS_CHANGED, service, actor, reason=request.reason, by=sticky_in_words(sticky))


def sticky_in_words(sticky: Mapping[str, str]) -> str:
    """'header x-user', or 'chance'."""
    return " ".join(next(iter(sticky.items()), ("chance",)))


def _in_words(service: Service, shares: Mapping[int, Share]) -> str:
    hosts = ", ".join(sorted(host.name for host in service.hosts.all())) or "none"
    return f"{in_words(shares)}; revisions by {sticky_in_words(service.sticky)}; host names: {hosts}"
