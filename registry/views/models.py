"""The models of a workspace, and one model with its versions."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from registry import facets
from registry.chips import chip, chips
from registry.filter_nodes import Field, Node, Tag
from registry.found_models import page_of_models
from registry.models import Model, ModelVersion
from registry.search import DEFAULT_SORT, parse
from registry.whereabouts import services_running
from studio.accounts.access import workspace_page
from studio.accounts.models import Workspace
from studio.core.errors import BadInput
from studio.core.pages import render

SORTS = [("-updated", "Updated last"), ("name", "Name"), ("-created", "Newest"), ("created", "Oldest")]
VERSIONS_PER_PAGE = 25


@workspace_page
def model_list(request: HttpRequest) -> HttpResponse:
    text, sort = request.GET.get("filter", "").strip(), request.GET.get("sort") or DEFAULT_SORT
    context = {"filter": text, "sort": sort, "sorts": SORTS}
    try:
        page = page_of_models(request.workspace, text, sort, request.GET.get("page", 1))
    except BadInput as error:
        context["error"] = error
        return render(request, "registry/model_list.html", context, partial="results", status=error.status)
    versions = [model.found[0] for model in page]
    context |= {"page": page, "rows": _rows(request.workspace, versions, text)}
    return render(request, "registry/model_list.html", context, partial="results")


@workspace_page
def model_facets(request: HttpRequest) -> HttpResponse:
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
def model_detail(request: HttpRequest, name: str) -> HttpResponse:
    model = get_object_or_404(Model.objects.in_workspace(request.workspace), name=name)
    versions = model.versions.select_related("created_by").prefetch_related("tags").order_by("-number")
    page = Paginator(versions, VERSIONS_PER_PAGE).get_page(request.GET.get("page"))
    rows = _rows(request.workspace, list(page), "")
    return render(request, "registry/model_detail.html", {"model": model, "page": page, "rows": rows})


def _rows(workspace: Workspace, versions: list[ModelVersion], text: str) -> list[dict[str, Any]]:
    """What a table shows of each version: its chips and the services that run it."""
    before: Node | None = parse(text).root
    services, url = services_running(versions), _list_url(workspace)
    return [
        {
            "version": version,
            "chips": chips(version.tags.all(), url, before),
            "services": services.get(version.pk, []),
        }
        for version in versions
    ]


def _list_url(workspace: Workspace) -> str:
    return reverse("model_list", kwargs={"workspace": workspace.slug})
