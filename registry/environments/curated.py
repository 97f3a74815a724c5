"""The curated set: environments that the studio brings along, read-only, in every workspace.

Their definitions are rows of `CuratedEnvironment`, which migrations add. A workspace gets them when they are asked for,
so that they are there for new workspaces, too, and are resolved and built at the first deployment like all others.
"""

from registry.environments import definitions
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_HASH, CURATED_NAME
from registry.environments.runtime import hash_of
from registry.models import CuratedEnvironment, Environment
from registry.models.environment import CURATED_PREFIX
from studio.accounts.models import Workspace


def offer_curated(workspace: Workspace) -> Environment:
    """Have the whole set in the workspace; gives the environment that needs no build."""
    rows = Environment.objects.in_workspace(workspace)
    known = {(row.name, row.number): row for row in rows.filter(name__startswith=CURATED_PREFIX).defer("lock")}
    for wanted in CuratedEnvironment.objects.all():
        if (wanted.name, wanted.number) not in known:
            _add(workspace, wanted)
    return known.get((CURATED_NAME, 1)) or _add_runtime(workspace)


def _add(workspace: Workspace, wanted: CuratedEnvironment) -> None:
    """Two at once add it once. It is made for the studio's Python of this day."""
    definition = definitions.define(own().minor, wanted.requirements, description=wanted.description)
    digest = hash_of(definition)
    equal = Environment.objects.filter(definition_hash=digest).exclude(lock="").first()
    facts = definition.columns() | {"definition_hash": digest, "lock": equal.lock if equal else ""}
    Environment.objects.get_or_create(workspace=workspace, name=wanted.name, number=wanted.number, defaults=facts)


def _add_runtime(workspace: Workspace) -> Environment:
    facts = {
        "python_version": own().minor,
        "definition_hash": CURATED_HASH,
        "description": "The studio's own interpreter, with ONNX Runtime and NumPy. It needs no build.",
    }
    key = {"workspace": workspace, "name": CURATED_NAME, "number": 1}
    environment, _ = Environment.objects.get_or_create(**key, defaults=facts)
    return environment
