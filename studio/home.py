"""Start page: the only views that read from every app."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from studio.accounts.access import workspace_page
from studio.accounts.models import Workspace
from studio.core.errors import NotFound
from studio.core.pages import render


def home(request: HttpRequest) -> HttpResponse:
    """Send the person to the workspace they used last, or the first they belong to."""
    mine = Workspace.objects.visible_to(request.user)
    workspace = mine.filter(slug=request.session.get("workspace")).first() or mine.first()
    if workspace is None:
        raise NotFound("You are not a member of any workspace yet.", hint="Ask an administrator to add you to one.")
    return redirect("workspace_home", workspace=workspace.slug)


@workspace_page
def workspace_home(request: HttpRequest) -> HttpResponse:
    return render(request, "studio/home.html")
