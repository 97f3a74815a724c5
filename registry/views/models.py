"""The models of a workspace, and one model with its versions."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from registry.models import Model, ModelVersion, VersionState
from registry.search import facets
from registry.search.filter_links import chip, chips
from registry.search.filter_tree import Field, Node, Tag
from registry.search.result_pages import page_of_models
from registry.search.search import DEFAULT_SORT, parse
from registry.versions import usage
from registry.views.fact_rows import fact_rows
from registry.views.model_card import as_html
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Workspace
from studio.core.errors import BadInput
from studio.core.pages import render

SORTS = [("-updated", "Updated last"), ("name", "Name"), ("-created", "Newest"), ("created", "Oldest")]
VERSIONS_PER_PAGE = 25
CHIPS = 2  # tags of a version that a line shows
FACTS = 6  # that the card of the newest version shows


@workspace_page
def model_list(request: WorkspaceRequest) -> HttpResponse:
    text, sort = request.GET.get("filter", "").strip(), request.GET.get("sort") or DEFAULT_SORT
    context: dict[str, Any] = {"filter": text, "sort": sort, "sorts": SORTS}
    try:
        page, total = page_of_models(request.workspace, text, sort, request.GET.get("page", 1))
    except BadInput as error:
        context["error"] = error
        return render(request, "registry/model_list.html", context, partial="results", status=error.status)
    versions = [model.found[0] for model in page]
    uses = usage.serving_uses("version__model", [version.model_id for version in versions])
    url, before = _list_url(request.workspace), parse(text).root
    rows = [_row(version, uses.get(version.model_id, []), url, before) for version in versions]
    inspecting = any(version.is_moving for version in versions)
    context |= {"page": page, "total": total, "rows": rows, "inspecting": inspecting}
    return render(request, "registry/model_list.html", context, partial="results")


@workspace_page
def model_facets(request: WorkspaceRequest) -> HttpResponse:
    """The panel beside the list: fetched on its own, since counting takes longer than listing."""
    text = request.GET.get("filter", "").strip()
    found, before, url = facets.facets(request.workspace, text), parse(text).root, _list_url(request.workspace)
    frameworks = [chip(Field("framework", name), url, before, n) for name, n in found.frameworks.values]
    groups = [("Framework", frameworks)] + [
        (facet.key, [chip(Tag(facet.key, value), url, before, n) for value, n in facet.values]) for facet in found.tags
    ]
    context = {"groups": groups, "sampled": found.sampled, "sample": facets.SAMPLE, "filter": text}
    return render(request, "registry/model_facets.html", context, partial="facets")


@workspace_page
def model_detail(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The newest version as a card, where the model runs, and every version."""
    model = get_object_or_404(Model.objects.in_workspace(request.workspace), name=name)
    versions = model.versions.select_related("created_by").prefetch_related("tags").order_by("-number")
    page = Paginator(versions, VERSIONS_PER_PAGE).get_page(request.GET.get("page"))
    services = usage.serving_uses("version__model", [model.pk]).get(model.pk, [])
    url = _list_url(request.workspace)
    context = {
        "model": model,
        "page": page,
        "rows": [_row(each, [use for use in services if use.version_id == each.pk], url) for each in page],
        "services": services,
        "deployable": next((version for version in page if version.state == VersionState.READY), None),
        "newest": _card(page.object_list[0]) if page and page.number == 1 else None,
    }
    return render(request, "registry/model_detail.html", context)


def _card(version: ModelVersion) -> dict[str, Any]:
    """What the page of a model says of its newest version."""
    return {"version": version, "card": as_html(version.description), "facts": fact_rows(version.facts)[:FACTS]}


def _row(version: ModelVersion, uses: list[Any], url: str, before: Node | None = None) -> dict[str, Any]:
    """What a table shows of a version: its first chips, which add themselves to the filter `before`, those that the
    filter holds before others; how many there are besides; and where it runs."""
    found = sorted(chips(version.tags.all(), url, before), key=lambda one: not one.chosen)
    return {"version": version, "chips": found[:CHIPS], "further": len(found[CHIPS:]), "uses": uses}


def _list_url(workspace: Workspace) -> str:
    return reverse("model_list", kwargs={"workspace": workspace.slug})
