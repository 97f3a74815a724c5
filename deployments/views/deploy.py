"""The deploy page: filled in from a version, works with one click."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.models import Service
from deployments.services import deploy as services
from deployments.services.queries import find
from deployments.views import equivalent_commands, form_defaults
from deployments.views.deploy_form import DeployForm
from registry.models import ModelVersion
from registry.versions.registration import find_version
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role, User
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render


@workspace_page(role=Role.CONTRIBUTOR)
def deploy(request: WorkspaceRequest) -> HttpResponse:
    """`?version=iris:1` fills the form in; `&service=iris` makes it an update of that service."""
    version = _version(request)
    if request.method == "POST":
        form = DeployForm(request.workspace, request.POST)
        service = _deployed(form, request.user) if form.is_valid() else None
        if service:
            messages.success(request, f"{service.name} is on its way.")
            return redirect("service_detail", workspace=request.workspace.slug, name=service.name)
    else:
        form = DeployForm(request.workspace, initial=_initial(request, version))
    updated = request.GET.get("service", "")
    context = {"form": form, "version": version, "updated": updated, **_hints(version), **_commands(request, form)}
    return render(request, "deployments/deploy.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_page
def deploy_commands(request: WorkspaceRequest) -> HttpResponse:
    """The command line and REST call for what stands in the form at this moment; changes nothing."""
    form = DeployForm(request.workspace, request.POST)
    form.is_valid()
    return render(request, "deployments/deploy_commands.html", _commands(request, form))


def _deployed(form: DeployForm, actor: User) -> Service | None:
    """The service, or None with the error beside its field."""
    try:
        return services.deploy(form.deploy_request(actor))
    except SlipwayError as error:
        show(form, error)
        return None


def _version(request: WorkspaceRequest) -> ModelVersion | None:
    reference = request.GET.get("version")
    return find_version(request.workspace, reference) if reference else None


def _initial(request: WorkspaceRequest, version: ModelVersion | None) -> dict[str, Any]:
    initial: dict[str, Any] = {"auth": "key", "target": "local"}
    if version is not None:
        config = form_defaults.config_for(version)
        initial |= {
            "models": str(version),
            "name": form_defaults.service_name(request.workspace, version.model.name),
            "config": str(config) if config else "",
            "cpu": version.cpu,
            "memory_gb": version.memory_gb,
        }
    if name := request.GET.get("service"):
        initial |= form_defaults.values_of(find(request.workspace, name)) | (
            {"models": str(version)} if version else {}
        )
    return initial


def _hints(version: ModelVersion | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {"updatable": form_defaults.services_to_update(version), "needs_script": form_defaults.needs_script(version)}


def _commands(request: WorkspaceRequest, form: DeployForm) -> dict[str, str]:
    given = _given(form)
    url = request.build_absolute_uri(reverse("api_services", kwargs={"workspace": request.workspace.slug}))
    return {"cli": equivalent_commands.cli(given), "curl": equivalent_commands.rest(url, given)}


def _given(form: DeployForm) -> dict[str, Any]:
    """The REST body of the form as it stands, whole or not."""
    typed = form if form.is_bound else DeployForm(form.workspace, {name: form[name].value() for name in form.fields})
    if typed.is_valid():
        return typed.body()
    models = [part.strip() for part in (typed.data.get("models") or "iris:1").split(",")]
    return {"name": typed.data.get("name") or "iris", "models": models}
