"""Environments: what an entry script runs in, from a definition to a locked, installed folder.

Equal definitions have equal hashes; each hash is resolved once and installed once, whatever the names and
workspaces. What is installed never changes.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Unpack

from django.conf import settings
from django.db import IntegrityError, transaction
from packaging.utils import canonicalize_name

from registry.environments import built, conda_files, definitions, provided_modules
from registry.environments.curated import offer_curated
from registry.environments.definitions import Definition, Further
from registry.environments.installation import Installation
from registry.environments.interpreters import interpreter_for
from registry.environments.paths import CURATED_HASH, environment_log_path, environment_path, is_installed
from registry.environments.private_wheels import Wheel, check_together, laid_out
from registry.environments.runtime import hash_of, runtime_requirements
from registry.environments.uv import Limits, Outcome, Sources
from registry.environments.uv_failures import Unsolvable, failure_of
from registry.errors import InUse
from registry.events import ENVIRONMENT_CREATED, ENVIRONMENT_DELETED
from registry.models import Environment, EnvironmentWheel
from registry.models.environment import CURATED_PREFIX
from studio.accounts.models import User, Workspace
from studio.accounts.numbering import next_number
from studio.activity.recording import record
from studio.core.atomic_folders import exclusive, make_folder_once
from studio.core.errors import BadInput, Conflict, NotFound, SlipwayError
from studio.core.numbered_names import check_name, split_reference
from studio.core.process_variables import HIDDEN
from studio.core.tee import Log, also_to_file

Cancelled = Callable[[], bool]


def never_cancelled() -> bool:
    return False


def define(
    *,
    workspace: Workspace,
    actor: User | None,
    name: str,
    python_version: str,
    requirements: Iterable[str],
    private: Sequence[Wheel] = (),
    **further: Unpack[Further],
) -> Environment:
    """The next version of `name`, or its newest when that is defined the same already. `private` are wheels of one's
    own.

    Raises `BadInput`, also for a Python that this machine does not have, unless it is one of an image.
    """
    check_name(name)
    if name.startswith(CURATED_PREFIX):
        raise BadInput(
            f"Names that start with '{CURATED_PREFIX}' belong to the studio.",
            hint="Make an environment of your own under another name; that of the studio can be cloned.",
            field="name",
        )
    private = check_together(private, python_version)
    further["wheels"] = [wheel.fact for wheel in private]
    definition = _checked(python_version, requirements, further)
    newest: Environment | None = Environment.objects.in_workspace(workspace).filter(name=name).first()
    if newest is not None and _is_defined_as(newest, definition):
        return newest
    return _add(workspace, actor, name, definition, private)


def draft(
    *,
    workspace: Workspace,
    name: str,
    python_version: str,
    requirements: Iterable[str],
    **further: Unpack[Further],
) -> Environment:
    """What `define` would make next, unsaved, for checks; or what the workspace has that is defined the same.

    Raises `BadInput` for a definition that cannot be, and says nothing of the name.
    """
    definition = _checked(python_version, requirements, further)
    rows, digest = Environment.objects.in_workspace(workspace).registered(), hash_of(definition)
    if equal := next((row for row in rows.filter(definition_hash=digest) if _is_defined_as(row, definition)), None):
        return equal
    newest = rows.filter(name=name).first()
    return Environment(
        workspace=workspace,
        name=name,
        number=newest.number + 1 if newest else 1,
        **definition.columns(),
        definition_hash=digest,
        lock=_known_lock(digest),
    )


def keep_draft(environment: Environment, actor: User | None, name: str) -> None:
    """Save what `draft` gave, unless it is there, for files that are registered nowhere. `name` is one that `define`
    refuses, so that it is never met. Call it in the transaction of what uses it, and remove it with that."""
    if environment.pk is None:
        number = next_number(environment.workspace, name, Environment.objects.all())
        environment.name, environment.number, environment.draft = name, number, True
        environment.created_by = actor
        environment.save(force_insert=True)


def _checked(python_version: str, requirements: Iterable[str], further: Further) -> Definition:
    definition = definitions.define(python_version, requirements, **further)
    if not definition.has_own_base:
        interpreter_for(definition.python_version)
    return definition


def _is_defined_as(environment: Environment, definition: Definition) -> bool:
    """What is not installed is part of what people read, though not of the hash; the order of requirements is not."""
    wanted = definition.columns()
    same = all(getattr(environment, name) == wanted[name] for name in wanted if name not in {"requirements", "notes"})
    same = same and set(environment.requirements) == set(definition.requirements)
    return same and environment.definition_hash == hash_of(definition)


def _add(
    workspace: Workspace, actor: User | None, name: str, definition: Definition, private: Sequence[Wheel]
) -> Environment:
    """The next version, unless somebody else has just made an equal one: then that."""
    digest = hash_of(definition)
    with transaction.atomic():
        number = next_number(workspace, name, Environment.objects.all())
        newest = Environment.objects.in_workspace(workspace).filter(name=name).first()
        if newest is not None and _is_defined_as(newest, definition):
            transaction.set_rollback(True)  # the number was not used
            return newest
        environment = Environment.objects.create(
            workspace=workspace,
            name=name,
            number=number,
            **definition.columns(),
            definition_hash=digest,
            lock=_known_lock(digest),
            created_by=actor,
        )
        wheels = [
            EnvironmentWheel(environment=environment, filename=one.path, artifact=one.artifact) for one in private
        ]
        EnvironmentWheel.objects.bulk_create(wheels)
        record(ENVIRONMENT_CREATED, environment, workspace=workspace, actor=actor)
    return environment


def delete(environment: Environment, actor: User) -> None:
    """Delete a version; its number is never given again. Raises `Conflict`, naming what uses it.

    What is built of it stays until nothing of the same definition has been used for a while.
    """
    check_deletable(environment)
    try:
        with transaction.atomic():
            record(ENVIRONMENT_DELETED, environment, workspace=environment.workspace, actor=actor)
            environment.delete()
    except IntegrityError as used:  # a config took it up in this moment
        raise InUse(f"{environment} has just been taken into use.", hint="Try again.") from used


def check_deletable(environment: Environment) -> None:
    """Raises `Conflict` for the studio's own environment and for one that inference configs use, naming these."""
    if environment.is_curated:
        raise Conflict(f"{environment} belongs to the studio and is only read.")
    if names := [str(config) for config in environment.inferenceconfig_set.order_by("name", "number")[:6]]:
        raise InUse(
            f"{environment} is in use by {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}.",
            hint="Delete these inference configs first.",
        )


def warnings_of(environment: Environment) -> list[str]:
    """What people should know of a definition: what was translated or left out, and what is not installed, and why."""
    return [*environment.notes, *provided_modules.notices_of(environment.requirements)]


def shown_variables(environment: Environment, *, with_values: bool) -> dict[str, str]:
    """The environment variables; their values are often secrets, so that viewers see names only."""
    variables: dict[str, str] = environment.variables
    return variables if with_values else dict.fromkeys(variables, HIDDEN)


def curated(workspace: Workspace) -> Environment:
    """The environment that needs no build: the studio's own interpreter, which has ONNX Runtime and NumPy.

    The workspace has the others of the curated set from then on, too.
    """
    return offer_curated(workspace)


def curated_distributions() -> set[str]:
    """What is installed beside the studio, names in normal form."""
    return {canonicalize_name(found.name) for found in distributions() if found.name}


def find(workspace: Workspace, reference: str) -> Environment:
    """'name:3', or 'name' and 'name:latest' for the newest. Raises `NotFound`."""
    name, number = split_reference(reference)
    if name.startswith(CURATED_PREFIX):
        offer_curated(workspace)
    rows = Environment.objects.in_workspace(workspace).registered().filter(name=name)
    environment: Environment | None = (rows if number is None else rows.filter(number=number)).first()
    if environment is None:
        raise NotFound(f"There is no environment '{reference[:150]}' in this workspace.", field="environment")
    return environment


def lock(environment: Environment, log: Log | None = None, *, cancelled: Cancelled = never_cancelled) -> str:
    """The exact versions and hashes for the definition, resolved once per hash and kept on its rows.

    Raises `SlipwayError` with the resolver's text as evidence.
    """
    digest = environment.definition_hash
    if digest == CURATED_HASH:
        return ""
    limits = _limits(cancelled)
    place = environment_path(digest)
    with exclusive(place.with_name(f"{place.name}.lock"), waiting=_Waiting(log, limits)):
        found = _known_lock(digest)
        if not found:
            with laid_out(environment) as private:
                found = _installation(environment, limits, log, private).resolve()
        Environment.objects.filter(definition_hash=digest, lock="").update(lock=found)
    environment.lock = found
    return found


def install(environment: Environment, log: Log, *, cancelled: Cancelled = never_cancelled) -> Path:
    """The environment's folder, with its Python at bin/python; made at the first call per hash.

    Two callers at once make it once; one that is killed leaves nothing that counts. What happens goes to
    `log` as it happens. Raises `SlipwayError` with the installer's text as evidence.
    """
    check_installable(environment)
    digest = environment.definition_hash
    final = environment_path(digest)
    notices = "".join(f"{line}\n" for line in warnings_of(environment))
    if is_installed(digest):
        log.write(f"The environment {environment} is ready.\n{notices}")
        built.record(digest)
        return final
    limits = _limits(cancelled)

    def fill(draft: Path) -> None:
        built.begin(digest)
        with also_to_file(environment_log_path(digest), log) as both:
            both.write(notices)
            try:
                locked = lock(environment, both, cancelled=cancelled)
                with laid_out(environment) as private:
                    _installation(environment, limits, both, private).install(draft, locked)
            except SlipwayError as error:
                both.write(f"\n{error.message}\n{error.hint}\n")
                raise

    try:
        make_folder_once(final, fill, usable=_has_python, waiting=_Waiting(log, limits))
    except Exception:
        built.fail(digest)
        raise
    built.record(digest)
    return final


def check_installable(environment: Environment) -> None:
    """Raises `Unsolvable`, naming the packages, where only an image can have what the definition asks for."""
    if names := conda_files.names_of(environment.conda):
        raise Unsolvable(
            f"{environment} asks conda for {', '.join(names[:10])}, which this kind of target cannot install: "
            "it installs from the Python package index alone.",
            code="conda_packages",
            hint="Deploy to a target that runs images, such as docker, with a base image that has conda or micromamba. "
            "Or make a new version without these packages: many have another name on the Python package index, where "
            "they are listed as pip requirements.",
        )


def _installation(environment: Environment, limits: Limits, log: Log | None, private: str) -> Installation:
    return Installation(
        environment.python_version,
        provided_modules.to_install(environment.requirements),
        runtime=runtime_requirements(),
        limits=limits,
        log=log,
        private=private,
        for_image=environment.has_own_base,
    )


def _known_lock(digest: str) -> str:
    rows = Environment.objects.filter(definition_hash=digest).exclude(lock="")
    return rows.values_list("lock", flat=True).first() or ""


def _has_python(folder: Path) -> bool:
    """False too when its Python was uninstalled: then it is installed again from the same lock."""
    return (folder / "bin" / "python").exists()


def _limits(cancelled: Cancelled) -> Limits:
    return Limits(time.monotonic() + settings.SLIPWAY["BUILD_SECONDS"], cancelled)


class _Waiting:
    """Called while another worker makes the same environment: logs that once; raises when cancelled or overdue."""

    def __init__(self, log: Log | None, limits: Limits) -> None:
        self._log, self._limits = log, limits

    def __call__(self) -> None:
        if self._log is not None:
            self._log.write("Another build is making this environment; waiting for it.\n")
            self._log.flush()
            self._log = None
        overdue = time.monotonic() > self._limits.deadline
        if overdue or self._limits.cancelled():
            raise failure_of(Outcome(1, "", "timeout" if overdue else "cancelled"), (), Sources())
