"""The page that reads Azure's inferenceconfig.json; what it says fills in the composer."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from deployments.config import azure_inference_config
from deployments.config.azure_inference_config import Imported
from deployments.views import option_fields
from registry.environments import requirement_files
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import BadInput, SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render

KEY = "imported"  # in the session, what the composer begins with; in its address, that it does


class ImportForm(forms.Form):
    """Azure's file, pasted or as it is, and the conda file that it may name."""

    inferenceconfig = forms.CharField(
        required=False,
        label="inferenceconfig.json",
        max_length=200_000,
        help_text="The text of the file, JSON or YAML.",
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
    )
    file = forms.FileField(required=False, label="As a file", help_text="In place of the text, in any encoding.")
    conda = forms.FileField(
        required=False, label="Conda file", help_text="That the file names as condaFile; a requirements file will do."
    )
    python_version = forms.CharField(
        required=False,
        max_length=16,
        label="Python version",
        help_text="In place of the one that the file asks for, such as 3.11.",
        widget=forms.TextInput(attrs=option_fields.PLAIN),
    )

    def imported(self) -> Imported:
        """What the files say. Raises `BadInput`."""
        typed: str = self.cleaned_data["inferenceconfig"]
        file, conda = self.cleaned_data["file"], self.cleaned_data["conda"]
        if bool(typed.strip()) == (file is not None):
            raise BadInput("Give inferenceconfig.json as text or as a file.", field="inferenceconfig")
        text = typed if file is None else _text_of(file)
        python_version = self.cleaned_data["python_version"].strip()
        return azure_inference_config.read(text, _text_of(conda) if conda else "", python_version)


@workspace_page(role=Role.CONTRIBUTOR)
def config_import(request: WorkspaceRequest) -> HttpResponse:
    """Read Azure's file, define its environment, and go on in the composer."""
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if request.method == "POST" and form.is_valid():
        try:
            found = form.imported()
            environment = azure_inference_config.environment_of(found, request.workspace, request.user)
        except SlipwayError as error:
            show(form, error)
        else:
            return _fill_in_composer(request, found, environment)
    return render(request, "deployments/config_import.html", {"form": form}, status=422 if form.errors else 200)


def imported(request: WorkspaceRequest) -> dict[str, Any]:
    """What the composer begins with after an import; empty where its address does not ask for that."""
    if KEY not in request.GET:
        return {}
    kept: dict[str, Any] = request.session.get(KEY, {})
    return {"script": ""} | {name: value for name, value in kept.items() if value}


def _fill_in_composer(request: WorkspaceRequest, found: Imported, environment: str) -> HttpResponse:
    """Open the composer. What it begins with is kept in the session: an address is no place for variables."""
    request.session[KEY] = {
        "entry_script": found.entry_script,
        "description": found.description,
        "environment": environment,
        "environment_variables": found.environment_variables,
    }
    for warning in azure_inference_config.warnings_for(found):
        messages.warning(request, warning)
    address = reverse("config_new", kwargs={"workspace": request.workspace.slug})
    return redirect(f"{address}?{urlencode({KEY: 1})}")


def _text_of(file: UploadedFile) -> str:
    return requirement_files.decode(file.read(requirement_files.MAX_BYTES + 1))
