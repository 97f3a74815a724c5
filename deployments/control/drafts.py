"""What development services have run goes by itself: revisions that another one has replaced, and their files.

Kept are the wanted revision, the one that answers, and all that have an instance (`decide` keeps the last two): so the
log of the run before can still be read, and a reload that was a mistake be rolled back.
"""

from deployments.models import Build, InferenceConfig, Revision, Service
from deployments.version_uses import record_uses
from registry.models import Environment
from studio.accounts.models import Workspace


def remove_replaced(service: Service) -> None:
    """Remove them. Harmless at any time and as often as one likes; call it inside a transaction."""
    kept = {service.wanted_revision, service.default_revision, service.previous_revision}
    replaced = Revision.objects.filter(service=service, instances=None, traffic=None).exclude(number__in=kept)
    building = Build.objects.unfinished().filter(revision__service=service).values("revision")
    gone, _ = replaced.exclude(pk__in=building).delete()
    if gone:
        remove_unused(service.workspace)
        record_uses(service)


def remove_unused(workspace: Workspace) -> None:
    """Remove drafts that no revision runs. They are written together with their first revision."""
    InferenceConfig.objects.in_workspace(workspace).filter(draft=True, revisions=None).delete()
    Environment.objects.in_workspace(workspace).filter(draft=True, inferenceconfig=None).delete()
