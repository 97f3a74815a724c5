"""What profiles recommend, as the forms of deployments ask for it."""

from deployments.models.config import ConfigKind
from deployments.services.recommendations import Recommendation
from monitoring.models import Profile
from monitoring.profiles.requests import find_profile
from monitoring.profiles.results import options_of_result
from monitoring.profiles.wording import goal_in_words
from registry.models import ModelVersion
from studio.accounts.models import Workspace
from studio.core.jobs import JobState

LOOKED_AT = 5  # newest profiles, of which one may recommend something


def by_reference(workspace: Workspace, reference: str) -> Recommendation | None:
    """By number or name. Raises `NotFound`."""
    return _recommendation(find_profile(workspace, reference))


def newest(version: ModelVersion) -> Recommendation | None:
    """Of the newest profile of a version that has found something."""
    ended = Profile.objects.filter(version=version, state=JobState.SUCCEEDED).order_by("-id")
    rows = ended.select_related("workspace", "version__model", "config").defer("samples", "points", "bodies")
    found = (_recommendation(one) for one in rows[:LOOKED_AT])
    return next((one for one in found if one is not None), None)


def _recommendation(profile: Profile) -> Recommendation | None:
    options = options_of_result(profile)
    if options is None:
        return None
    has_script = profile.config.kind == ConfigKind.ENTRY_SCRIPT and not profile.config.draft
    return Recommendation(
        options=options,
        words=f"Profile {profile.name or profile.pk}: {goal_in_words(profile.goal)}",
        address=profile.get_absolute_url(),
        model=str(profile.version) if profile.version else "",
        config=str(profile.config) if has_script else "",
    )
