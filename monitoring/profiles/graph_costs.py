"""What the newest profile tells of the nodes of a version, for the drawing of its graph."""

from django.db.models import Q

from monitoring.models import Profile
from monitoring.profiles.operators import times_of
from registry.graphs.costs import Costs
from registry.models import ModelVersion
from studio.core.jobs import JobState


def graph_costs(version: ModelVersion) -> Costs | None:
    """Of the smallest number of rows that was measured; None where no profile timed the version's operators."""
    rows = Profile.objects.filter(workspace=version.workspace, state=JobState.SUCCEEDED, operators__isnull=False)
    measured = rows.filter(Q(version=version) | Q(revision__models__version=version)).order_by("-id")
    profile = measured.select_related("workspace").first()
    times = times_of(profile) if profile else None
    if profile is None or times is None:
        return None
    batch = times.batches[0]
    if not batch.microseconds:
        return None
    return Costs(
        shares={one.name: one.microseconds / batch.microseconds for one in batch.operators},
        providers={one.name: one.provider for one in batch.operators},
        source=f"{batch.rows} row{'' if batch.rows == 1 else 's'} a run",
        url=profile.get_absolute_url(),
    )
