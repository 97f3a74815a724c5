"""The deploy page: filled in from a version, works with one click."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.config import configs
from deployments.models import Service
from deployments.services import deploy as services
from deployments.services.queries import find
from deployments.services.recommendations import Recommendation, newest_for, recommended_by
from deployments.views import equivalent_commands, form_defaults
from deployments.views.deploy_form import DeployForm
from deployments.views.option_fields import initial_of
from registry.models import ModelVersion
from registry.versions.registration import find_version
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render


@workspace_page(role=Role.CONTRIBUTOR)
def deploy(request: WorkspaceRequest) -> HttpResponse:
    """`?version=iris:1` and `&config=own:2` fill the form in, `&profile=7` with what that recommends; `&service=iris`
    makes it an update of that service."""
    version, updated, recommended = _version(request), _updated(request), _recommended(request)
    if request.method == "POST":
        form = _form(request, updated)
        service = _deployed(request, form) if form.is_valid() else None
        if service:
            page = reverse("service_detail", kwargs={"workspace": request.workspace.slug, "name": service.name})
            return redirect(f"{page}?tab=traffic" if form.cleaned_data.get("beside") else page)
    else:
        version = version or _profiled(request, recommended, updated)
        recommended = recommended or (newest_for(version) if version and not updated else None)
        initial = _sized(request, recommended, _initial(request, version, updated))
        form = DeployForm(request.workspace, initial=initial, updated=updated.name if updated else "")
    context = {
        "form": form,
        "version": version,
        "recommended": recommended,
        "updatable": form_defaults.services_to_update(version) if version else [],
        **_commands(request, form),
    }
    return render(request, "deployments/deploy.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_page
def deploy_commands(request: WorkspaceRequest) -> HttpResponse:
    """The command line and REST call for what stands in the form at this moment; changes nothing."""
    form = _form(request, _updated(request))
    return render(request, "deployments/deploy_commands.html", _commands(request, form))


@require_POST
@workspace_page
def deploy_config(request: WorkspaceRequest) -> HttpResponse:
    """The choice of an inference config for the version that stands in the form at this moment; changes nothing."""
    return render(request, "deployments/deploy_config.html", {"form": _form(request, _updated(request))})


def _form(request: WorkspaceRequest, updated: Service | None) -> DeployForm:
    """The form as it was sent, validated."""
    form = DeployForm(request.workspace, request.POST, updated=updated.name if updated else "")
    form.is_valid()
    return form


def _deployed(request: WorkspaceRequest, form: DeployForm) -> Service | None:
    """The service, or None with the error beside its field."""
    try:
        wanted = form.deploy_request(request.user)
        service = services.deploy(wanted).service
    except SlipwayError as error:
        show(form, error)
        return None
    for warning in wanted.warnings:
        messages.warning(request, warning)
    return service


def _version(request: WorkspaceRequest) -> ModelVersion | None:
    """The version that the address names, or else the one that its config is probably for."""
    if reference := request.GET.get("version"):
        return find_version(request.workspace, reference)
    config = request.GET.get("config")
    if config and request.method == "GET" and not request.GET.get("service"):
        return form_defaults.version_for(configs.find(request.workspace, config))
    return None


def _recommended(request: WorkspaceRequest) -> Recommendation | None:
    """What the profile recommends that the address names. Raises `NotFound`."""
    reference = request.GET.get("profile", "")[:63]
    return recommended_by(request.workspace, reference) if reference else None


def _profiled(
    request: WorkspaceRequest, recommended: Recommendation | None, updated: Service | None
) -> ModelVersion | None:
    """The version that was measured, where the form is for nothing else."""
    if recommended is None or not recommended.model or updated:
        return None
    return find_version(request.workspace, recommended.model)


def _sized(request: WorkspaceRequest, recommended: Recommendation | None, initial: dict[str, Any]) -> dict[str, Any]:
    """`initial` with the recommended options, and the config that they were measured with, unless one is named."""
    if recommended is None:
        return initial
    keeps_config = request.GET.get("config") or not recommended.config
    return initial | initial_of(recommended.options) | ({} if keeps_config else {"config": recommended.config})


def _updated(request: WorkspaceRequest) -> Service | None:
    """The service that is to be updated. Raises `NotFound`."""
    name = request.POST.get("service") or request.GET.get("service")
    return find(request.workspace, name) if name else None


def _initial(request: WorkspaceRequest, version: ModelVersion | None, updated: Service | None) -> dict[str, Any]:
    initial: dict[str, Any] = {"auth": "key", "target": "local"}
    if updated:
        initial |= form_defaults.values_of(updated) | {"beside": request.GET.get("beside", "")}
        initial = form_defaults.with_version(initial, version) if version else initial
    elif version:
        config = form_defaults.config_for(version)
        initial |= {
            "models": str(version),
            "name": form_defaults.service_name(request.workspace, version.model.name),
            "config": str(config) if config else "",
            "cpu": version.cpu,
            "memory_gb": version.memory_gb,
        }
    return initial | ({"config": config} if (config := request.GET.get("config")) else {})


def _commands(request: WorkspaceRequest, form: DeployForm) -> dict[str, Any]:
    """The same as commands; what is wrong in the form is left out of them, which `left_out` says."""
    typed = form
    if not form.is_bound:
        values = {name: form[name].value() for name in form.fields}
        typed = DeployForm(form.workspace, values, updated=form.updated)
        typed.is_valid()
    given = typed.body()
    url = request.build_absolute_uri(reverse("api_services", kwargs={"workspace": request.workspace.slug}))
    left_out = [str(field.label) for field in form.wrong]
    return {"cli": equivalent_commands.cli(given), "curl": equivalent_commands.rest(url, given), "left_out": left_out}
