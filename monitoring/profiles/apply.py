"""Give a service what a profile recommends: a new revision of what it runs, with other resources."""

from dataclasses import dataclass
from typing import Any

from deployments.config.option_words import in_words
from deployments.config.scaling import MOST
from deployments.control.facts import wanted_revision
from deployments.models import Revision, Service
from deployments.models.config import ConfigKind
from deployments.services.deploy import deploy
from deployments.services.deploy_request import resolve
from deployments.services.describe import models_of
from deployments.services.queries import find
from monitoring.errors import NothingRecommended
from monitoring.models import Profile
from monitoring.profiles.results import options_of_result, verdict_of
from studio.accounts.models import User
from studio.core.confirmation import Change
from studio.core.errors import BadInput

USUAL = "as usual"  # an option that is not set


@dataclass(frozen=True)
class Application:
    """What is to be done: which service, the deployment config before and after."""

    service: Service
    revision: Revision
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def changes(self) -> list[Change]:
        """In words, option by option; none where it has what is recommended already."""
        old, new = dict(in_words(self.before)), dict(in_words(self.after))
        labels = [label for label in new | old if old.get(label) != new.get(label)]
        return [Change(label, old.get(label, USUAL), new.get(label, USUAL)) for label in labels]


def service_to_apply_to(profile: Profile, name: str = "") -> Service:
    """The named service, else the one that was profiled, else the only one that runs the version. Raises `BadInput`,
    `NotFound`."""
    if name:
        return find(profile.workspace, name)
    if profile.revision is not None:
        return find(profile.workspace, profile.revision.service.name)
    running = services_of(profile)
    if not running:
        raise BadInput(f"{profile.version} runs in no service.", hint="Deploy it with the profile.", field="service")
    if len(running) > 1:
        raise BadInput(
            f"{profile.version} runs in {len(running)} services.",
            hint=f"Name one that is to get the recommended resources: {', '.join(running)}.",
            field="service",
        )
    return find(profile.workspace, running[0])


def services_of(profile: Profile) -> list[str]:
    """Names of services that may get what is recommended: they want the version that was profiled."""
    if profile.revision is not None:
        return [profile.revision.service.name]
    rows = Revision.objects.filter(models__version=profile.version, service__workspace=profile.workspace)
    pairs = rows.select_related("service").order_by("service__name")
    return list(dict.fromkeys(one.service.name for one in pairs if one.service.wanted_revision == one.number))


def application_of(profile: Profile, service: Service) -> Application:
    """Raises `NothingRecommended`."""
    recommended, revision = options_of_result(profile), wanted_revision(service)
    if recommended is None or revision is None:
        raise NothingRecommended(str(profile))
    before = revision.deployment_config
    after = dict(before) | {name: value for name, value in recommended.items() if name != "server"}
    if before.get(MOST):  # it scales by its load: the number is no longer one to be set
        del after["replicas"]
        after[MOST] = max(before[MOST], recommended.get("replicas", 1))
    rows = recommended.get("server", {}).get("batching", {}).get("rows")
    if rows:
        server = dict(before.get("server") or {})
        after["server"] = server | {"batching": dict(server.get("batching") or {}) | {"rows": rows}}
    return Application(service, revision, before, after)


def apply_to(profile: Profile, actor: User, service: str = "", reason: str = "") -> Revision:
    """Deploy it: nothing changes but the resources. Raises `NothingRecommended`, and what `resolve` and `deploy` do."""
    found = application_of(profile, service_to_apply_to(profile, service))
    config = found.revision.config
    named = str(config) if config.kind == ConfigKind.ENTRY_SCRIPT and not config.draft else None
    asked = resolve(
        workspace=profile.workspace,
        actor=actor,
        name=found.service.name,
        models=models_of(found.revision),
        config=named,
        target=found.service.target.name,
        deployment_config=found.after,
        reason=reason or f"Profile {profile.name or profile.pk}: {verdict_of(profile)}",
        overwrite=True,
    )
    return deploy(asked)
