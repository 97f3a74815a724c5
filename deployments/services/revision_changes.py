"""What differs between two revisions of a service, in words: models, config, environment, options, variables."""

from typing import Any

from deployments.config.option_words import in_words
from deployments.models import InferenceConfig, Revision
from deployments.models.config import ConfigKind
from deployments.services.describe import models_of
from studio.core.confirmation import Change
from studio.core.process_variables import HIDDEN

VARIABLES = "environment_variables"
DIGITS = 8
USUAL = "as usual"  # an option of the scoring server that is not set


def changes_between(before: Revision, after: Revision, *, with_values: bool) -> list[Change]:
    """What changes when `after` takes the place of `before`, in the order in which people would name it.

    `with_values`: whether the reader may see what environment variables are set to. That one has another value is told
    to everybody.
    """
    old, new = _facts(before), _facts(after)
    labels = [*new, *(label for label in old if label not in new)]
    files = _files_of(before.config) | _files_of(after.config)
    absent = {one: "not there" if one in files else USUAL for one in labels}
    facts = [
        Change(one, old.get(one, absent[one]), new.get(one, absent[one]))
        for one in labels
        if old.get(one) != new.get(one)
    ]
    return [*facts, *_variables(before.deployment_config, after.deployment_config, with_values=with_values)]


def _facts(revision: Revision) -> dict[str, str]:
    config = revision.config
    named = {
        "Models": ", ".join(models_of(revision)),
        **({"Entry script": config.entry_script} if config.draft else {"Inference config": _name_of(config)}),
        "Environment": str(config.environment) if config.environment else "the studio's own",
    }
    return named | _files_of(config) | dict(in_words(revision.deployment_config))


def _name_of(config: InferenceConfig) -> str:
    return str(config) if config.kind == ConfigKind.ENTRY_SCRIPT else "no code"


def _files_of(config: InferenceConfig) -> dict[str, str]:
    """Beginnings of the digests of files that are registered nowhere; registered ones are told by their config."""
    if not config.draft:
        return {}
    return {path: digest[:DIGITS] for path, digest in config.files.values_list("path", "artifact_id")}


def _variables(before: dict[str, Any], after: dict[str, Any], *, with_values: bool) -> list[Change]:
    old, new = before.get(VARIABLES) or {}, after.get(VARIABLES) or {}

    def shown(values: dict[str, str], name: str, other: str) -> str:
        if name not in values:
            return "not set"
        return values[name] if with_values else other

    return [
        Change(name, shown(old, name, HIDDEN), shown(new, name, f"{HIDDEN} (another value)" if name in old else HIDDEN))
        for name in sorted(old | new)
        if old.get(name) != new.get(name)
    ]
