"""The page of registries of images: list, add, remove."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from deployments.services import registries
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Question, ask
from studio.core.errors import SlipwayError
from studio.core.pages import render
from studio.people.settings_tabs import settings_tabs

FIELDS = ("name", "address", "username")


@workspace_page(write_role=Role.ADMIN)
def registry_list(request: WorkspaceRequest) -> HttpResponse:
    """All registries; posting adds one."""
    error: SlipwayError | None = None
    if request.method == "POST":
        given = {name: request.POST.get(name, "").strip() for name in FIELDS}
        try:
            made = registries.add_registry(
                request.workspace,
                request.user,
                **given,
                password=request.POST.get("password", ""),
                push=bool(request.POST.get("push")),
            )
        except SlipwayError as refused:
            error = refused
        else:
            messages.success(request, f"The registry {made} is added.")
            return redirect("registry_list", workspace=request.workspace.slug)
    context = settings_tabs(request, "Registries") | {
        "registries": registries.list_registries(request.workspace),
        "form": {name: request.POST.get(name, "")[:255] for name in FIELDS},
        "error": error and error.as_dict(),
    }
    return render(request, "deployments/registries.html", context, status=error.status if error else 200)


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def registry_remove(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then remove."""
    registry = registries.find_registry(request.workspace, name)
    if request.method != "POST":
        question = Question(
            title=f"Remove the registry {name}?",
            text="Its password is deleted. The images there stay, and services that run go on.",
            action="Remove",
            back=reverse("registry_list", kwargs={"workspace": request.workspace.slug}),
        )
        return ask(request, question)
    registries.remove_registry(registry, request.user)
    messages.success(request, f"The registry {name} is removed.")
    return redirect("registry_list", workspace=request.workspace.slug)
