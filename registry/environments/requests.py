"""What a person or a program says of a new environment, as the keywords of `environments.define`."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry.environments import definition_text, environments, private_wheels
from registry.environments.interpreters import own
from registry.environments.private_wheels import Wheel
from registry.models import Environment, Upload
from registry.store import uploads
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

FURTHER = ("description", "variables", "base_image", "dockerfile", "docker_steps")


def resolve(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` holds what was sent: name; base, a reference to the environment whose facts are kept; requirements
    (lines) or conda (text); python_version; what `FURTHER` names; wheels as ids of uploads, added to the base's.

    Raises `BadInput` and `NotFound`.
    """
    if "conda" in given and "requirements" in given:
        raise BadInput("Give requirements or conda, not both.", field="conda")
    base = environments.find(workspace, given["base"]) if given.get("base") else None
    facts = facts_of(base) if base else {"requirements": [], "python_version": own().minor}
    if "conda" in given or "requirements" in given:
        text = given["conda"] if "conda" in given else "\n".join(given["requirements"])
        written = definition_text.read_text(text)
        facts |= {"conda": {}, "notes": [], **written.further, "requirements": written.lines}
        facts |= {"python_version": written.python_version} if written.python_version else {}
    if given.get("python_version"):
        facts["python_version"] = given["python_version"]
    facts |= {name: given[name] for name in FURTHER if name in given}
    sent = uploads.find_all(workspace, actor, given["wheels"]) if given.get("wheels") else []
    return facts | {
        "name": given["name"],
        "private": merge(private_wheels.wheels_of(base) if base else [], adopt(sent)),
    }


def facts_of(environment: Environment) -> dict[str, Any]:
    """The definition of an environment, apart from its name and wheels."""
    names = ("python_version", "requirements", "conda", "notes", *FURTHER)
    return {name: getattr(environment, name) for name in names}


def adopt(sent: Sequence[Upload]) -> list[Wheel]:
    """Uploads as checked wheels. Raises `BadInput`, also for one of which a part is missing."""
    if missing := [upload.path for upload in sent if not upload.is_complete]:
        raise BadInput(f"{missing[0]} has not arrived whole.", hint="Complete its upload first.", field="wheels")
    return private_wheels.adopt((upload.path, upload.artifact) for upload in sent if upload.artifact)


def merge(kept: Sequence[Wheel], added: Sequence[Wheel]) -> list[Wheel]:
    """All wheels; an added one takes the place of a kept one of the same package."""
    replaced = {wheel.name for wheel in added}
    return [*(wheel for wheel in kept if wheel.name not in replaced), *added]
