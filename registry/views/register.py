"""Register a version from the browser."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from registry import registration, uploads
from registry.forms import RegisterForm
from registry.models import Model, ModelVersion, Upload
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import SlipwayError
from studio.core.pages import render

NAMES = 500  # offered while typing


@workspace_page(role=Role.CONTRIBUTOR)
def model_register(request: WorkspaceRequest) -> HttpResponse:
    """Files arrive by the drop zone (ids in `uploads`) or with the form itself (`files`)."""
    form = RegisterForm(request.POST or None, initial={"name": request.GET.get("name", "")})
    files: list[Upload] = []
    if request.method == "POST":
        try:
            files = _files(request)
            if form.is_valid():
                return _registered(request, _register(request, form, files))
        except SlipwayError as error:
            _show(form, error)
    context = {"form": form, "uploads": files, "models": _names(request)}
    return render(request, "registry/model_register.html", context, status=422 if form.errors else 200)


def _register(request: WorkspaceRequest, form: RegisterForm, files: list[Upload]) -> ModelVersion:
    chosen = _unpacked(files) if form.cleaned_data["unpack"] else files
    return registration.register(workspace=request.workspace, actor=request.user, files=chosen, **form.facts())


def _registered(request: WorkspaceRequest, version: ModelVersion) -> HttpResponse:
    messages.success(request, f"{version} is registered.")
    return redirect("version_detail", workspace=request.workspace.slug, name=version.name, number=version.number)


def _files(request: WorkspaceRequest) -> list[Upload]:
    """What arrived before, and what came with this form: kept as uploads, so that an error loses nothing."""
    ids = [one for one in request.POST.getlist("uploads") if _is_id(one)]
    before = [uploads.find(request.workspace, request.user, one) for one in ids]
    sent = request.FILES.getlist("files")
    return before + [uploads.receive(request.workspace, request.user, one.name, one.file, one.size) for one in sent]


def _unpacked(files: list[Upload]) -> list[Upload]:
    """Archives replaced by what is in them."""
    chosen: list[Upload] = []
    for upload in files:
        packed = upload.path.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))
        chosen += uploads.unpack(upload) if packed else [upload]
    return chosen


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _show(form: RegisterForm, error: SlipwayError) -> None:
    """The error beside the field it is about."""
    form.is_valid()  # an error of the files comes first: the fields are still to be read
    field = error.field if error.field in form.fields else None
    form.add_error(field, f"{error.message} {error.hint}".strip())


def _names(request: WorkspaceRequest) -> list[Model]:
    """Names to offer, with the number that the next version gets."""
    return list(Model.objects.in_workspace(request.workspace).order_by("-updated_at")[:NAMES])
