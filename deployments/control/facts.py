"""Rows → facts: what the service-level step and the pages know about a service, in one value. All of it comes from the
database; nothing is asked of a target."""

from typing import Any

from django.conf import settings
from django.db.models import F, OuterRef, Prefetch, QuerySet, Subquery

from deployments.control.notes import Notes
from deployments.control.service_phase import BuildFacts, InstanceFacts, ServiceFacts
from deployments.models import Build, Instance, Phase, Revision, Service, Traffic
from studio.core.jobs import JobState


def with_facts(rows: QuerySet[Service], *of_wanted: "Prefetch[Any]") -> QuerySet[Service]:
    """`rows` with the wanted revisions, their builds and what `of_wanted` names of them, the instances and the traffic,
    read once for all."""
    wanted = (
        Revision.objects.filter(number=F("service__wanted_revision"))
        .select_related("config__environment", "created_by")
        .prefetch_related(Prefetch("builds", Build.objects.order_by("-id")), *of_wanted)
    )
    instances = Instance.objects.select_related("revision").order_by("revision__number")
    return rows.select_related("target", "workspace", "created_by").prefetch_related(
        Prefetch("revisions", wanted, to_attr="wanted_revisions"),
        Prefetch("traffic", _shares(), to_attr="known_shares"),
        Prefetch("instances", instances, to_attr="known_instances"),
    )


def wanted_revision(service: Service) -> Revision | None:
    """The revision that people want."""
    if hasattr(service, "wanted_revisions"):  # read ahead
        return next(iter(service.wanted_revisions), None)
    rows = service.revisions.filter(number=service.wanted_revision)
    return rows.select_related("config__environment").first()


def traffic_revision(service: Service) -> Revision | None:
    """The default revision, which gets what no other one does of the requests; None until the first one is built."""
    shares = (share for share in traffic_of(service) if share.revision.number == service.default_revision)
    return next((share.revision for share in shares), None)


def traffic_of(service: Service) -> list[Traffic]:
    """Its rows in order of their revisions, each with `build_state`: how the newest build of its revision stands."""
    return list(service.known_shares) if hasattr(service, "known_shares") else list(_shares().filter(service=service))


def _shares() -> QuerySet[Traffic]:
    newest = Build.objects.filter(revision=OuterRef("revision")).order_by("-id").values("state")[:1]
    rows = Traffic.objects.annotate(build_state=Subquery(newest)).order_by("revision__number")
    return rows.select_related("revision__config__environment")


def instances_of(service: Service) -> list[Instance]:
    """In order of their revisions."""
    if hasattr(service, "known_instances"):
        return list(service.known_instances)
    return list(service.instances.select_related("revision").order_by("revision__number"))


def facts_of(service: Service) -> ServiceFacts:
    """What decides the shown state."""
    wanted, traffic = wanted_revision(service), traffic_revision(service)
    return ServiceFacts(
        desired=service.desired,
        wanted=service.wanted_revision,
        traffic=traffic.number if traffic else None,
        beside=tuple(share.revision.number for share in traffic_of(service) if _runs_beside(service, share)),
        changed_at=service.changed_at,
        build=_build_facts(build_of(wanted)) if wanted else None,
        instances=tuple(_instance_facts(instance) for instance in instances_of(service)),
        build_seconds=settings.SLIPWAY["BUILD_SECONDS"],
        is_development=service.development,
    )


def build_of(revision: Revision) -> Build | None:
    """Its newest build."""
    return max(revision.builds.all(), key=lambda build: build.pk, default=None)


def latest_instance(service: Service) -> Instance | None:
    """The instance of the wanted revision; until there is one, that of the revision that gets the requests."""
    instances = {instance.revision_id: instance for instance in instances_of(service)}
    revisions = (wanted_revision(service), traffic_revision(service))
    return next((instances[one.pk] for one in revisions if one and one.pk in instances), None)


def _runs_beside(service: Service, share: Traffic) -> bool:
    is_built = getattr(share, "build_state", "") == JobState.SUCCEEDED
    return is_built and share.revision.number != service.default_revision


def _instance_facts(instance: Instance) -> InstanceFacts:
    notes = Notes.of(instance)
    return InstanceFacts(
        revision=instance.revision.number,
        desired=instance.desired,
        serving=instance.serving,
        phase=Phase(instance.phase),
        cause=instance.cause,
        observation=notes.observation,
        was_healthy=notes.was_healthy,
        replicas=instance.replicas,
    )


def _build_facts(build: Build | None) -> BuildFacts | None:
    if build is None:
        return None
    return BuildFacts(
        state=build.state,
        created_at=build.created_at,
        step=build.step,
        started_at=build.started_at,
        finished_at=build.finished_at,
        error=build.error,
        ahead=build.ahead() if build.state == JobState.QUEUED else 0,
    )
