"""Register a version from the browser."""

from copy import copy

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from registry.models import Model, ModelVersion, Upload
from registry.store.form_files import files_of
from registry.store.unpacking import unpacked
from registry.versions import registration, top_folder
from registry.views.register_form import RegisterForm
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
    if form.cleaned_data["unpack"]:
        with unpacked(files) as chosen:
            return registration.register(workspace=request.workspace, actor=request.user, files=chosen, **form.facts())
    folder = top_folder.common([file.path for file in files])
    return registration.register(
        workspace=request.workspace, actor=request.user, files=_below(files, folder), folder=folder, **form.facts()
    )


def _below(files: list[Upload], folder: str) -> list[Upload]:
    """The uploads with their paths below the folder; the rows stay as they are."""
    found = [copy(file) for file in files]
    for file in found:
        file.path = file.path.removeprefix(f"{folder}/") if folder else file.path
    return found


def _registered(request: WorkspaceRequest, version: ModelVersion) -> HttpResponse:
    messages.success(request, f"{version} is registered.")
    return redirect("version_detail", workspace=request.workspace.slug, name=version.name, number=version.number)


def _names(request: WorkspaceRequest) -> list[Model]:
    """Names to offer, with the number that the next version gets."""
    return list(Model.objects.in_workspace(request.workspace).order_by("-updated_at")[:NAMES])
