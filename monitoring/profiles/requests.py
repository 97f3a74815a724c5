"""Profiles as people ask for them: made and validated alike by the page, REST and, through REST, the command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from deployments.config import configs, deployment_config
from deployments.models import InferenceConfig, Revision, Target
from deployments.services.create import LOCAL, local_target
from deployments.services.default_config import ensure_default_config
from deployments.services.queries import find as find_service
from deployments.targets.kinds import kind_of
from monitoring.events import PROFILE_CANCELLED, PROFILE_CREATED
from monitoring.models import Profile
from monitoring.profiles.bodies import given_bodies, usual_bodies
from monitoring.profiles.wording import goal_in_words
from registry.models import ModelVersion, VersionState
from registry.versions.registration import find_version
from studio.accounts.models import User, Workspace
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.jobs import JobState

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Number:
    """A number that people choose: its range, what holds without it, and its unit."""

    low: float
    high: float
    default: float | None
    unit: str


NUMBERS = {
    "latency_ms": Number(0.1, 300_000, 100.0, "ms"),
    "rate": Number(0.1, 1_000_000, 50.0, "requests/s"),
    "seconds": Number(10, 3600, 300.0, "s"),
    "cpu": Number(1, 256, None, "cores"),
    "memory_gb": Number(0.1, 4096, None, "GB"),
    "replicas": Number(1, 64, None, "replicas"),
}


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """`model` is name:number, with an inference `config` or the default one; or `service` and the number of a
    `revision`, None for the wanted one.

    The goal: p99 under `latency_ms` at `rate` requests a second. The limits: `seconds` of measuring, `cpu` cores and
    `replicas` in all, `memory_gb` of a replica. `requests` are bodies to send; without them what the model is known to
    take. `options` is a deployment config in the place of the revision's.
    """

    model: str = ""
    config: str = ""
    service: str = ""
    revision: int | None = None
    target: str = ""
    name: str = ""
    description: str = ""
    latency_ms: float | None = None
    rate: float | None = None
    seconds: float | None = None
    cpu: float | None = None
    memory_gb: float | None = None
    replicas: int | None = None
    requests: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def request_profile(workspace: Workspace, actor: User, asked: ProfileRequest) -> Profile:
    """A new profile, which a worker begins as soon as no other one runs on its machine.

    Raises `BadInput`, `BadDeploymentConfig`, `NotFound`, and `Conflict` for a name that is taken.
    """
    if bool(asked.model) == bool(asked.service):
        raise BadInput("Name a model version or a service: one of both.", hint="For example iris:1.", field="model")
    if asked.name and not NAME.fullmatch(asked.name):
        raise BadInput(
            f"'{asked.name[:100]}' is no possible name of a profile.",
            hint="Letters, digits, '.', '_' and '-', at most 63.",
            field="name",
        )
    numbers = {name: _checked(name, getattr(asked, name)) for name in NUMBERS}
    goal = {"p99": numbers["latency_ms"], "rate": numbers["rate"]}
    limits = {name: numbers[name] for name in ("seconds", "cpu", "memory_gb", "replicas")}
    with transaction.atomic():
        what, versions, place = _of_model(workspace, actor, asked) if asked.model else _of_service(workspace, asked)
        target = _target(workspace, asked.target or place)
        bodies = _bodies(asked, what, versions)
        facts = what | {"target": target, "goal": goal, "limits": limits, "bodies": bodies}
        made = _create(workspace, actor, asked, facts)
        record(PROFILE_CREATED, made, workspace=workspace, actor=actor, goal=goal_in_words(goal), target=target.name)
    return made


def profiles_of(workspace: Workspace) -> QuerySet[Profile]:
    """The newest first, without what grows while they run."""
    related = ("workspace", "version__model", "revision__service__workspace", "target", "requested_by", "config")
    rows = Profile.objects.filter(workspace=workspace).select_related(*related).order_by("-id")
    return rows.defer("samples", "points", "bodies")


def find_profile(workspace: Workspace, reference: int | str) -> Profile:
    """By number or, for a text, by name too. Raises `NotFound`."""
    rows = profiles_of(workspace).defer(None)
    text = str(reference)
    is_number = text.isascii() and text.isdecimal() and len(text) < 16
    found = rows.filter(pk=int(text)).first() if is_number else None
    found = found or rows.filter(name=text).exclude(name="").first()
    if found is None:
        raise NotFound(f"There is no profile {text[:100]} in this workspace.")
    return found


def cancel(profile: Profile, actor: User) -> bool:
    """End a profile that has not ended; its worker removes what it runs within seconds. False when it had ended.

    What was measured stays."""
    ended = {"state": JobState.CANCELLED, "finished_at": timezone.now(), "lease_until": None}
    with transaction.atomic():
        if not Profile.objects.filter(pk=profile.pk).unfinished().update(**ended):
            return False
        record(PROFILE_CANCELLED, profile, workspace=profile.workspace, actor=actor)
    return True


def ask_again(profile: Profile, actor: User) -> Profile:
    """A new profile of the same, with the same goal, limits and requests."""
    copied = ("workspace", "version", "revision", "config", "target", "options", "goal", "limits", "bodies")
    with transaction.atomic():
        made = create_job(Profile, requested_by=actor, **{name: getattr(profile, name) for name in copied})
        goal, target = goal_in_words(made.goal), made.target.name
        record(PROFILE_CREATED, made, workspace=made.workspace, actor=actor, goal=goal, target=target)
    return made


def _create(workspace: Workspace, actor: User, asked: ProfileRequest, facts: dict[str, Any]) -> Profile:
    own = {"name": asked.name, "description": asked.description}
    try:
        with transaction.atomic():
            return create_job(Profile, workspace=workspace, requested_by=actor, **own, **facts)
    except IntegrityError as error:
        raise Conflict(
            f"There is already a profile '{asked.name}' in this workspace.",
            code="profile_exists",
            hint="Choose another name, or none.",
            field="name",
        ) from error


def _checked(name: str, value: float | None) -> float | None:
    rule = NUMBERS[name]
    if value is None:
        return rule.default
    if not rule.low <= value <= rule.high:
        raise BadInput(f"{name} must lie between {rule.low:g} and {rule.high:g} {rule.unit}.", field=name)
    return value


def _bodies(asked: ProfileRequest, what: dict[str, Any], versions: list[ModelVersion]) -> dict[str, Any]:
    return given_bodies(asked.requests) if asked.requests else usual_bodies(versions, what["config"], what["options"])


# Columns of the profile, the versions that are measured, and the name of the target where they usually run.
What = tuple[dict[str, Any], list[ModelVersion], str]


def _of_model(workspace: Workspace, actor: User, asked: ProfileRequest) -> What:
    version = find_version(workspace, asked.model)
    if version.state != VersionState.READY:
        raise BadInput(
            f"{version} is {version.state}.", hint="Only a version that is ready is profiled.", field="model"
        )
    config = configs.find(workspace, asked.config) if asked.config else ensure_default_config(version, actor)
    options = deployment_config.to_json(deployment_config.complete(dict(asked.options), [version]))
    return {"version": version, "config": config, "options": options}, [version], ""


def _of_service(workspace: Workspace, asked: ProfileRequest) -> What:
    service = find_service(workspace, asked.service)
    number = service.wanted_revision if asked.revision is None else asked.revision
    rows = service.revisions.select_related("config__environment", "service__workspace")
    revision: Revision | None = rows.filter(number=number).first()
    if revision is None:
        raise NotFound(f"'{service.name}' has no revision {number}.", field="revision")
    options = dict(asked.options) or revision.deployment_config
    config: InferenceConfig = revision.config
    versions: list[ModelVersion] = [use.version for use in revision.models.select_related("version__model")]
    completed = deployment_config.to_json(deployment_config.complete(options, versions))
    return {"revision": revision, "config": config, "options": completed}, versions, service.target.name


def _target(workspace: Workspace, name: str) -> Target:
    if name in ("", LOCAL):
        return local_target(workspace)
    target: Target | None = Target.objects.in_workspace(workspace).filter(name=name).first()
    if target is None:
        raise NotFound(f"There is no target '{name[:100]}' in {workspace}.", field="target")
    if kind_of(target.kind).needs_parts:
        raise BadInput(
            f"'{name}' is for devices, which poll the studio: nothing can be measured there.",
            hint="Profile on this machine or on a Docker target.",
            field="target",
        )
    return target
