"""One version: its page, and what people do to it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from registry.conversion.requirements import LIBRARIES
from registry.graphs.costs import costs_of
from registry.models import ModelVersion
from registry.search.filter_links import chips
from registry.versions import registration, usage
from registry.views.fact_rows import fact_rows
from registry.views.files import preview
from registry.views.graph import graph_panel
from registry.views.model_card import as_html
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render

TABS = {
    "overview": "Overview",
    "files": "Files",
    "graph": "Graph",
    "deployments": "Deployments",
    "activity": "Activity",
}
PAGE = "registry/version_detail.html"


@workspace_page
@require_safe
def version_detail(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    version = registration.find_version(request.workspace, f"{name}:{number}")
    return render(request, PAGE, _context(request, version))


@workspace_page
@require_safe
def version_state(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """The badge, which polls while the version is being inspected; the whole page reloads when that has ended."""
    version = registration.find_version(request.workspace, f"{name}:{number}")
    response = render(request, "registry/version_state.html", {"version": version})
    if version.state != "uploaded":
        response.headers["HX-Refresh"] = "true"
    return response


@workspace_page
@require_POST
def version_edit(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """One change: `add_tag`, `remove_tag`, `description`, `add_property` or `inspect`."""
    version = registration.find_version(request.workspace, f"{name}:{number}")
    try:
        _change(request, version)
    except BadInput as error:
        return render(request, PAGE, _context(request, version, error), partial="tags", status=422)
    if request.htmx:
        return render(request, PAGE, _context(request, version), partial="tags")
    return redirect(_url(version, "version_detail"))


@workspace_page
def version_delete(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """GET asks, naming what depends on the version; POST deletes."""
    version = registration.find_version(request.workspace, f"{name}:{number}")
    context = {"version": version, "services": usage.services_using(version)}
    if request.method != "POST":
        return render(request, "registry/version_delete.html", context)
    try:
        registration.delete_version(version, request.user)
    except SlipwayError as error:
        return render(request, "registry/version_delete.html", context | {"error": error}, status=error.status)
    messages.success(request, f"{name}:{number} is deleted.")
    return redirect("model_list", workspace=request.workspace.slug)


def _change(request: WorkspaceRequest, version: ModelVersion) -> None:
    """What the form asks for. Raises `BadInput` and `Conflict`."""
    data, actor = request.POST, request.user
    if tag := data.get("add_tag"):
        registration.edit_tags(version, actor, add=[tag])
    elif key := data.get("remove_tag"):
        registration.edit_tags(version, actor, remove=[key])
    elif "description" in data:
        registration.edit_description(version, actor, data["description"])
    elif pair := data.get("add_property"):
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"The property '{pair[:80]}' has no '='.", hint="Write it as key=value.", field="properties")
        registration.add_properties(version, actor, {key: value})
    elif "inspect" in data:
        registration.inspect_again(version, actor)
    else:
        raise BadInput("Nothing to change was sent.", hint="Write a tag as key=value.", field="add_tag")


def _context(request: WorkspaceRequest, version: ModelVersion, error: SlipwayError | None = None) -> dict[str, Any]:
    """What the page and its partials show; the tab decides what is read."""
    tab = request.GET.get("tab", "overview")
    current = tab if tab in TABS else "overview"
    url = _url(version, "version_detail")
    listing = reverse("model_list", kwargs={"workspace": request.workspace.slug})
    shown = {
        "version": version,
        "tab": current,
        "tabs": [{"url": f"{url}?tab={key}", "label": TABS[key], "current": key == current} for key in TABS],
        "chips": chips(version.tags.all(), listing, None),
        "uses": usage.serving_uses("version", [version.pk]).get(version.pk, []),
        "converts": version.framework in LIBRARIES or bool(version.facts.get("mlflow_flavors")),
        "error": error,
        "typed": request.POST.get("add_tag", "") if error else "",
    }
    if current == "graph":
        shown |= graph_panel(version, request.GET, costs_of(version))
    if current == "files" and (path := request.GET.get("file")):
        shown["preview"] = preview(version, path)
    return shown | _PANELS[current](version)


def _overview(version: ModelVersion) -> dict[str, Any]:
    resources = [("CPU cores", version.cpu), ("Memory, GB", version.memory_gb), ("GPUs", version.gpu or None)]
    return {
        "card": as_html(version.description),
        "facts": fact_rows(version.facts),
        "warnings": version.facts.get("warnings", []),
        "derived": version.derived.order_by("number").select_related("model")[:20],
        "conversions": version.conversions.select_related("workspace", "version")[:5],
        "resources": [(label, amount) for label, amount in resources if amount],
    }


def _files(version: ModelVersion) -> dict[str, Any]:
    """Files in the order of a tree; `folder` is set where a new one begins."""
    rows, before = [], ""
    for file in version.files.select_related("artifact"):
        folder, _, name = file.path.rpartition("/")
        rows.append({"file": file, "name": name, "folder": folder if folder != before else "", "inside": bool(folder)})
        before = folder
    return {"files": rows}


_PANELS = {
    "overview": _overview,
    "files": _files,
    "graph": lambda version: {},
    "deployments": lambda version: {"has_uses": version.uses.exists()},
    "activity": lambda version: {},
}


def _url(version: ModelVersion, page: str) -> str:
    place = {"workspace": version.workspace.slug, "name": version.name, "number": version.number}
    return reverse(page, kwargs=place)
