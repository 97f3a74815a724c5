"""Register a version from the browser."""

from copy import copy
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from registry.models import Model, ModelVersion, Upload
from registry.store import uploads
from registry.store.form_files import files_of, upload_ids
from registry.store.unpacking import unpacked
from registry.versions import first_look, labels, registration, top_folder
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
    context = {"form": form, "uploads": files, "models": _names(request), **_summary(request, files)}
    context["waiting"] = uploads.waiting(request.workspace, request.user, besides=files)
    return render(request, "registry/model_register.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_page
def register_summary(request: WorkspaceRequest) -> HttpResponse:
    """What the files that have begun to arrive seem to be, as a fragment; saves nothing."""
    known = Upload.objects.in_workspace(request.workspace).filter(user=request.user)
    files = list(known.filter(pk__in=upload_ids(request, "uploads", "begun")).select_related("artifact"))
    return render(request, "registry/register_summary.html", _summary(request, files))


def _summary(request: WorkspaceRequest, files: list[Upload]) -> dict[str, Any]:
    name = (request.POST if request.method == "POST" else request.GET).get("name", "").replace("\0", "").strip()
    return {"look": first_look.look(files), "last": _newest(request, name)}


def _register(request: WorkspaceRequest, form: RegisterForm, files: list[Upload]) -> ModelVersion:
    facts = form.facts()
    facts["name"] = facts["name"] or (first_look.propose_name(files) if files else "")
    if not facts["description"] and form.cleaned_data["readme"] and (readme := first_look.readme_of(files)):
        facts["description"] = first_look.text_of(readme)
    if form.cleaned_data["like_last"] and (last := _newest(request, facts["name"])):
        facts["description"] = facts["description"] or last.description
        facts["tags"] = {tag.key: tag.value for tag in last.tags.all()} | labels.read_tags(facts["tags"])
    if form.cleaned_data["unpack"]:
        with unpacked(files) as chosen:
            return registration.register(workspace=request.workspace, actor=request.user, files=chosen, **facts)
    folder = top_folder.common([file.path for file in files])
    return registration.register(
        workspace=request.workspace, actor=request.user, files=_below(files, folder), folder=folder, **facts
    )


def _newest(request: WorkspaceRequest, name: str) -> ModelVersion | None:
    """The newest version of the model that is called so."""
    return ModelVersion.objects.in_workspace(request.workspace).filter(name=name).order_by("-number").first()


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
