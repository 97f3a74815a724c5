"""How many replicas a service has: what people set above its revisions, and how it stands."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from deployments.config import options
from deployments.config import scaling as figures_of
from deployments.config.deployment_config import config_of
from deployments.config.option_checks import check
from deployments.config.options import DeploymentConfig
from deployments.config.scaling import FIGURES, FIXED, MOST, Scaling, scaling_of
from deployments.control.facts import instances_of, traffic_revision, wanted_revision
from deployments.control.scale import scale
from deployments.desired_state import change, record_event, request_advance
from deployments.errors import BadDeploymentConfig
from deployments.events import SCALING_CHANGED
from deployments.models import InstanceDesired, InstanceScaling, Service
from deployments.services import operations
from deployments.services.operations import Verb
from studio.accounts.models import User
from studio.core.enqueue import enqueue_task_on_commit

CHECKED = {one.name: one for one in options.OPTIONS if one.name in FIGURES}


def change_scaling(service: Service, actor: User, figures: Mapping[str, Any], *, reason: str = "") -> None:
    """Set these figures above those of all its revisions, until a deployment names others; none: the revisions' own
    count again. What runs is left running, in another number.

    Raises `BadDeploymentConfig`, which names the figure, `BeingDeleted`, `ChangedMeanwhile`.
    """
    operations.check(service, Verb.SCALE)
    config = _config(service)
    override = _checked(config, service.scaling, {name: one for name, one in figures.items() if one is not None})
    before, after = (figures_of.in_words(scaling_of(config, one)) for one in (service.scaling, override))
    if override == service.scaling:
        return
    with transaction.atomic():
        change(service, scaling=override)
        service.scaling = override
        record_event(SCALING_CHANGED, service, actor, reason=reason, before=before, after=after)
        scale(service.pk)
        request_advance(service)
        enqueue_task_on_commit("deployments.tasks.write_routing")


def describe_scaling(service: Service) -> dict[str, Any]:
    """As REST answers and pages show it: of the default revision, which most requests go to."""
    scaling = scaling_of(_config(service), service.scaling)
    running = [one for one in instances_of(service) if one.desired == InstanceDesired.RUNNING]
    latest = InstanceScaling.objects.filter(instance__service=service).exclude(changed_at=None).order_by("-changed_at")
    last = latest.select_related("instance__revision").first()
    return {
        "fixed": scaling.is_fixed,
        "min_replicas": scaling.least,
        "max_replicas": scaling.most,
        "target_utilization": round(scaling.target * 100),
        "scaling_seconds": scaling.refresh,
        "idle_seconds": scaling.idle,
        "overridden": bool(service.scaling),
        "summary": figures_of.in_words(scaling),
        "replicas": [{"revision": one.revision.number, "replicas": one.replicas} for one in running],
        "changed_at": last.changed_at if last else None,
        "why": last.why if last else "",
    }


def scaling_now(service: Service) -> Scaling:
    """Of the default revision."""
    return scaling_of(_config(service), service.scaling)


def _config(service: Service) -> DeploymentConfig:
    return config_of(traffic_revision(service) or wanted_revision(service))


def _checked(config: DeploymentConfig, present: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures to keep. A fixed number takes the place of all others, and any of those that of a fixed number."""
    for name in figures:
        if name not in CHECKED:
            raise BadDeploymentConfig(
                f"'{name}' is no figure of scaling.", hint=f"Name {', '.join(FIGURES)}.", field=name
            )
    given = {name: check(CHECKED[name], value) for name, value in figures.items()}
    if not given or FIXED in given:
        figures_of.check(given)
        return given
    override = {name: value for name, value in present.items() if name != FIXED} | given
    most = override.get(MOST, config.max_replicas)
    least = override.get("min_replicas", config.min_replicas)
    figures_of.check(override | ({MOST: most, "min_replicas": least} if most is not None else {}))
    return override
