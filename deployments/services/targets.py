"""What people do with targets: add, change, check, remove."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Prefetch, ProtectedError, QuerySet

from deployments.events import TARGET_CREATED, TARGET_DELETED, TARGET_UPDATED
from deployments.models import Service, Target, TargetCheck
from deployments.services.create import LOCAL, local_target
from deployments.targets.kinds import Setting, kind_of
from studio.accounts.models import User, Workspace, slug_rule
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, Conflict, NotFound

NAMED = 5  # services that an error names


def list_targets(workspace: Workspace) -> QuerySet[Target]:
    """All targets of a workspace by name, this machine among them."""
    local_target(workspace)
    return _with_checks(Target.objects.in_workspace(workspace)).order_by("name")


def find_target(workspace: Workspace, name: str) -> Target:
    """Raises `NotFound`."""
    if name == LOCAL:
        local_target(workspace)
    found = _with_checks(Target.objects.in_workspace(workspace)).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no target '{name}' in {workspace}.")
    return found


def add_target(workspace: Workspace, actor: User, name: str, kind: str, settings: Mapping[str, Any]) -> Target:
    """A new target, whose check is enqueued with it. Settings that are left out have their defaults.

    Raises `BadInput` for a name or a setting that cannot be, `NotFound` for an unknown kind, `Conflict` for a name that
    is taken.
    """
    _check_name(name)
    found = kind_of(kind)
    complete = found.complete(settings)
    target = Target(workspace=workspace, name=name, kind=found.name)
    target.put_settings(complete, found.secret_names())
    try:
        with transaction.atomic():
            target.save(force_insert=True)
            record(TARGET_CREATED, target, workspace=workspace, actor=actor, target_kind=found.name)
            create_job(TargetCheck, target=target, requested_by=actor)
    except IntegrityError as error:
        raise Conflict(
            f"There is a target '{name}' in {workspace} already.",
            hint="Choose another name, or change the settings of that one.",
            field="name",
        ) from error
    return target


def change_settings(target: Target, actor: User, settings: Mapping[str, Any]) -> None:
    """Change the given settings; all others stay, secret ones too. The target is checked anew. Raises `BadInput`."""
    kind = kind_of(target.kind)
    complete = kind.complete(kind_settings(target) | dict(settings))
    with transaction.atomic():
        target.put_settings(complete, kind.secret_names())
        target.save()
        record(TARGET_UPDATED, target, workspace=target.workspace, actor=actor)
        create_job(TargetCheck, target=target, requested_by=actor)


def check_target(target: Target, actor: User) -> TargetCheck:
    """Have a worker test the connection; one that is under way is given instead of another."""
    under_way = TargetCheck.objects.unfinished().filter(target=target).first()
    return under_way or create_job(TargetCheck, target=target, requested_by=actor)


def remove_target(target: Target, actor: User) -> None:
    """Forget a target. Raises `Conflict` while services use it, and for this machine."""
    if target.name == LOCAL:
        raise Conflict("The target 'local' is this machine; every workspace has it.")
    try:
        with transaction.atomic():
            record(TARGET_DELETED, target, workspace=target.workspace, actor=actor)
            target.delete()
    except ProtectedError as error:
        raise Conflict(
            f"The target '{target}' cannot be removed: {_named(target)}.",
            hint="Delete these services first, or deploy them elsewhere.",
        ) from error


def kind_settings(target: Target) -> dict[str, Any]:
    """The settings that its kind declares; what an earlier release of the kind had is left out."""
    declared = {setting.name for setting in kind_of(target.kind).settings}
    return {name: value for name, value in target.all_settings.items() if name in declared}


def shown_settings(target: Target) -> list[tuple[Setting, Any]]:
    """Each declared setting with its value; of a secret one only whether it is set."""
    values = kind_settings(target)
    return [
        (setting, values.get(setting.name) is not None if setting.secret else values.get(setting.name))
        for setting in kind_of(target.kind).settings
    ]


def kind_title(kind: str) -> str:
    """The title of a kind; its name where nobody has registered it any more."""
    try:
        return kind_of(kind).title
    except NotFound:
        return kind


def _check_name(name: str) -> None:
    try:
        slug_rule(name)
    except ValidationError as error:
        raise BadInput(
            f"'{name[:100]}' is not a possible name of a target. {error.messages[0]}",
            hint="For example: gpu-cluster.",
            field="name",
        ) from error


def _named(target: Target) -> str:
    names = list(Service.objects.filter(target=target).order_by("name").values_list("name", flat=True))
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"it is used by {shown}{more}" if names else "something uses it"


def _with_checks(rows: QuerySet[Target]) -> QuerySet[Target]:
    """With `all_checks`, of which `last_check` takes the newest, `service_count`, and the target's workspace."""
    newest = TargetCheck.objects.order_by("target_id", "-pk").select_related("requested_by")
    counted = rows.select_related("workspace").annotate(service_count=Count("services"))
    return counted.prefetch_related(Prefetch("checks", newest, to_attr="all_checks"))


def last_check(target: Target) -> TargetCheck | None:
    """The newest check of a target that was found here."""
    checks: list[TargetCheck] = getattr(target, "all_checks", None) or list(target.checks.all()[:1])
    return max(checks, key=lambda check: check.pk, default=None)


def service_count(target: Target) -> int:
    """How many services are deployed on a target that was found here."""
    return int(getattr(target, "service_count"))  # noqa: B009 - an annotation, which the model's type does not know
