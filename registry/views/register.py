"""Register a version from the browser."""

from contextlib import nullcontext

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from registry import registration
from registry.form_files import files_of
from registry.forms import RegisterForm
from registry.models import Model, ModelVersion, Upload
from registry.unpacking import unpacked
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render

NAMES = 500  # offered while typing


@workspace_page(role=Role.CONTRIBUTOR)
def model_register(request: WorkspaceRequest) -> HttpResponse:
    """Files arrive by the drop zone (ids in `uploads`) or with the form itself (`files`)."""
    form = RegisterForm(request.POST or None, initial={"name": request.GET.get("name", "")})
    files: list[Upload] = []
    if request.method == "POST":
        try:
            files = files_of(request)
            if form.is_valid():
                return _registered(request, _register(request, form, files))
        except SlipwayError as error:
            form.is_valid()  # an error of the files comes first: the fields are still to be read
            show(form, error)
    context = {"form": form, "uploads": files, "models": _names(request)}
    return render(request, "registry/model_register.html", context, status=422 if form.errors else 200)


def _register(request: WorkspaceRequest, form: RegisterForm, files: list[Upload]) -> ModelVersion:
    with unpacked(files) if form.cleaned_data["unpack"] else nullcontext(files) as chosen:
        return registration.register(workspace=request.workspace, actor=request.user, files=chosen, **form.facts())


def _registered(request: WorkspaceRequest, version: ModelVersion) -> HttpResponse:
    messages.success(request, f"{version} is registered.")
    return redirect("version_detail", workspace=request.workspace.slug, name=version.name, number=version.number)


def _names(request: WorkspaceRequest) -> list[Model]:
    """Names to offer, with the number that the next version gets."""
    return list(Model.objects.in_workspace(request.workspace).order_by("-updated_at")[:NAMES])
