"""The top of a service's page: how it is, where it answers, and what is under way. It changes while somebody looks."""

from typing import Any

from django.utils import timezone

from deployments.control.differences import compare
from deployments.control.facts import facts_of, instances_of, traffic_revision, wanted_revision
from deployments.control.service_phase import ServiceFacts, update_of
from deployments.control.steps import steps_of
from deployments.models import Desired, Phase, Revision, Service
from deployments.services.describe import address_of, call_address_of, walls_of
from deployments.services.recent_figures import recent_figures
from deployments.services.replicas import describe_instances
from deployments.views.rollout_panel import under_way

MOVING = (Phase.TRANSITIONING, Phase.UNHEALTHY, Phase.UNSCHEDULABLE)
TONES = {"ready": "ok", "starting": "busy", "unreachable": "warn", "dead": "warn", "failed": "bad"}  # of replicas
CANNOT_ANSWER = {Phase.FAILED: "failed, no calls possible", Phase.STOPPED: "stopped, no calls possible"}


def header(service: Service) -> dict[str, Any]:
    """What the top of the page shows, and what the tabs need of it."""
    facts, now = facts_of(service), timezone.now()
    wanted, phase, update = wanted_revision(service), Phase(service.phase), _update(service, facts)
    is_moving = phase in MOVING or service.desired == Desired.DELETED or _is_under_way(update)
    rollout = under_way(service)
    differences = [row for row in compare(service, wanted, facts) if row.differs]
    can_answer = _can_answer(facts)
    instances = _with_tones(describe_instances(service))
    return {
        "service": service,
        "phase": phase,
        "badge": badge_of(service, facts),
        "instances": instances,
        "has_several_replicas": sum(len(one["replicas"]) for one in instances) > 1,
        "under_way": _under_way(service, phase),
        "moving": is_moving or rollout is not None,
        "rolling": rollout,
        "address": call_address_of(service),
        "own_address": address_of(service),
        "can_answer": can_answer,
        "may_call": can_answer or facts.is_asleep,
        "cannot_answer": "" if can_answer else _why_not(facts, phase),
        "answering": _answering(service, wanted),
        "figures": recent_figures([service]).get(service.pk) if can_answer else None,
        "steps": [step.as_dict() for step in steps_of(facts, now)] if _are_news(phase, is_moving, update) else [],
        "differences": differences,
        "revision": wanted,
        "update": update,
        "runs": facts.shown.observation if facts.shown else None,
        "walls": walls_of(facts.shown.observation) if facts.shown else None,
        "observed_at": max((one.observed_at for one in instances_of(service) if one.observed_at), default=None),
    }


def badge_of(service: Service, facts: ServiceFacts) -> dict[str, str]:
    """Tone and word for how the service is."""
    if service.desired == Desired.DELETED:
        return {"tone": "busy", "text": "Deleting"}
    if facts.is_asleep and service.phase == Phase.HEALTHY:
        return {"tone": "idle", "text": "Asleep"}
    return {"tone": Phase(service.phase).tone, "text": service.phase}


def _with_tones(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for instance in instances:
        for replica in instance["replicas"]:
            replica["tone"] = TONES.get(replica["state"], "idle")
    return instances


def _why_not(facts: ServiceFacts, phase: Phase) -> str:
    if facts.is_asleep:
        return "asleep; the next call wakes it"
    return CANNOT_ANSWER.get(phase, "no calls possible yet")


def can_answer(service: Service) -> bool:
    """Whether somebody answers at the service's address, as far as it was observed."""
    return _can_answer(facts_of(service))


def _can_answer(facts: ServiceFacts) -> bool:
    return any(one.observation.serving and one.observation.state == "ready" for one in facts.instances)


def _answering(service: Service, wanted: Revision | None) -> Revision | None:
    """The revision that the headline speaks of: the one that gets the requests, else the one that people want."""
    return traffic_revision(service) or wanted


def _are_news(phase: Phase, is_moving: bool, update: dict[str, Any] | None) -> bool:
    """The steps of a deployment are worth room while they move, or when one of them failed."""
    return is_moving or phase == Phase.FAILED or update is not None


def _under_way(service: Service, phase: Phase) -> str:
    """What somebody has asked for and is not done yet, in a sentence."""
    if phase != Phase.TRANSITIONING:
        return ""
    if service.desired == Desired.STOPPED:
        return "It is being stopped. Its address and keys stay."
    return ""


def _update(service: Service, facts: ServiceFacts) -> dict[str, Any] | None:
    """An update or a rollback that is under way or has failed."""
    found = update_of(facts, timezone.now())
    if found is None:
        return None
    kind = "rollback" if found["revision"] < service.last_revision else "update"
    how = "failed" if found["state"] == Phase.FAILED else "is under way"
    title = f"The {kind} to revision {found['revision']} {how}; revision {facts.traffic} goes on answering"
    return found | {"kind": kind, "title": title, "answering": facts.traffic}


def _is_under_way(update: dict[str, Any] | None) -> bool:
    return update is not None and update["state"] == Phase.TRANSITIONING
