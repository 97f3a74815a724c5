"""The audit trail as a page, and the latest of it as a fragment for other pages."""

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse

from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.activity.events import event_types
from studio.activity.export import csv_lines
from studio.activity.listing import EventFilter
from studio.activity.models import Event
from studio.activity.operations import fold
from studio.core.errors import BadInput
from studio.core.pages import render

ROWS = 50
RECENT = 8
READ = 40  # events that are folded into the recent ones


@workspace_page
def activity_list(request: WorkspaceRequest) -> HttpResponse:
    found = EventFilter(request.GET, Event.objects.in_workspace(request.workspace))
    page = Paginator(found.qs, ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "activity/activity_list.html",
        {"page": page, "operations": fold(page), "filter": found, "types": event_types()},
        partial="list",
    )


@workspace_page
def recent_activity(request: WorkspaceRequest) -> HttpResponse:
    """The newest events, of one object when `subject_type` and `subject_id` name it."""
    found = EventFilter(request.GET, Event.objects.in_workspace(request.workspace))
    operations = fold(found.qs[:READ])[:RECENT]
    context = {"operations": operations, "bare": "subject_id" in request.GET}
    return render(request, "activity/recent.html", context)


@workspace_page
def activity_csv(request: WorkspaceRequest) -> StreamingHttpResponse:
    """All events that fit the filter of the page, as a file."""
    found = EventFilter(request.GET, Event.objects.in_workspace(request.workspace))
    if not found.is_valid():
        raise BadInput("The filter cannot be read.", hint="Dates are written as 2026-11-29.")
    name = f"activity-{request.workspace.slug}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(csv_lines(found.qs), content_type="text/csv; charset=utf-8", headers=headers)
