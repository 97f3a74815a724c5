"""What a person or a program says of a new environment, as the keywords of `environments.define`."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry.environments import definition_text, definition_yaml, environments, private_wheels
from registry.environments.definition_yaml import Document
from registry.environments.interpreters import own
from registry.environments.private_wheels import Wheel
from registry.models import Environment, Upload
from registry.store import uploads
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

FURTHER = ("description", "variables", "base_image", "dockerfile", "docker_steps")


def define(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> Environment:
    """The next version of an environment, from what `resolve` takes or from a `definition` in YAML instead.

    Raises `BadInput`, which tells the line of the YAML, and `NotFound`.
    """
    if "definition" not in given:
        return environments.define(workspace=workspace, actor=actor, **resolve(workspace, actor, given))
    if besides := [name for name in given if name not in {"name", "definition", "wheels", "base"}]:
        raise BadInput(f"The definition says {besides[0]}: leave the field out.", field=besides[0])
    document = definition_yaml.read(given["definition"])
    base = environments.find(workspace, given["base"]) if given.get("base") else None
    kept = private_wheels.wheels_of(base) if base else []
    added = adopt(uploads.find_all(workspace, actor, given["wheels"])) if given.get("wheels") else []
    return define_document(workspace, actor, given["name"], document, merge(named(document, kept, added), added))


def define_document(
    workspace: Workspace, actor: User, name: str, document: Document, private: Sequence[Wheel]
) -> Environment:
    """The next version of `name`, as a document in YAML says. Raises `BadInput`, which tells the line."""
    facts = {"python_version": own().minor, "requirements": []} | document.facts
    try:
        return environments.define(workspace=workspace, actor=actor, name=name, private=private, **facts)
    except BadInput as error:
        raise document.locate(error) from error


def named(document: Document, kept: Sequence[Wheel], added: Sequence[Wheel]) -> list[Wheel]:
    """Those of the kept wheels that the document names; all where it names none. Raises `BadInput` for others."""
    if document.wheels is None:
        return list(kept)
    known = {wheel.path for wheel in (*kept, *added)}
    if unknown := [name for name in document.wheels if name not in known]:
        raise document.locate(
            BadInput(
                f"There is no private wheel {unknown[0][:100]}.",
                hint="Send the file along, or take its name out of the list.",
                field="wheels",
            )
        )
    return [wheel for wheel in kept if wheel.path in document.wheels]


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
