"""The audit trail as a page, and the latest of it as a fragment for other pages."""

from django.core.paginator import Paginator
from django.http import HttpResponse

from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.activity.events import event_types
from studio.activity.listing import EventFilter
from studio.activity.models import Event
from studio.core.pages import render

ROWS = 50
RECENT = 8


@workspace_page
def activity_list(request: WorkspaceRequest) -> HttpResponse:
    found = EventFilter(request.GET, Event.objects.in_workspace(request.workspace))
    page = Paginator(found.qs, ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "activity/activity_list.html",
        {"page": page, "filter": found, "types": event_types()},
        partial="list",
    )


@workspace_page
def recent_activity(request: WorkspaceRequest) -> HttpResponse:
    """The newest events, of one object when `subject_type` and `subject_id` name it."""
    found = EventFilter(request.GET, Event.objects.in_workspace(request.workspace))
    context = {"events": found.qs[:RECENT], "bare": "subject_id" in request.GET}
    return render(request, "activity/recent.html", context)
