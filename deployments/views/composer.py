"""The composer: an inference config is written, checked, tried and made on one page."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from deployments.config import configs
from deployments.models import InferenceConfig
from deployments.services.dry_run import Trial, dry_run
from deployments.views import composer_start, config_import
from deployments.views.config_form import NEW, ConfigForm
from registry.environments import environments
from registry.models import Upload
from registry.store.form_files import files_of, upload_ids
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render

SAVING_NOTHING = ("check", "try", "add_file", "new_environment")  # buttons of the page


@workspace_page(role=Role.CONTRIBUTOR)
def config_new(request: WorkspaceRequest) -> HttpResponse:
    """The composer. `?from=name:2`, `?environment=name:1`, `?imported=1` and `?for=grapes:1`, a model version to write
    a script for, fill it in."""
    context: dict[str, Any] = {"uploads": [], "findings": None, "trial": None}
    if request.method == "POST":
        form = ConfigForm(request.workspace, request.POST)
        answer = _posted(request, form, context)
        if answer:
            return answer
    else:
        form = composer_start.form_for(request)
    form = context.pop("form", form)
    form.offer_pythons()
    wrong = form.errors and not _saves_nothing(request)
    return render(request, "deployments/config_new.html", {"form": form, **context}, status=422 if wrong else 200)


@require_POST
@workspace_page
def config_check(request: WorkspaceRequest) -> HttpResponse:
    """The check's result for what stands in the composer at this moment, as a fragment; saves nothing."""
    form = ConfigForm(request.workspace, request.POST)
    findings = form.findings(_arrived(request))
    return render(request, "deployments/config_findings.html", {"form": form, "findings": findings})


@require_POST
@workspace_page
def config_trial(request: WorkspaceRequest) -> HttpResponse:
    """What comes of a trial of what stands in the composer at this moment, as a fragment; saves nothing."""
    form = ConfigForm(request.workspace, request.POST)
    form.is_valid()
    return render(request, "deployments/config_trial_result.html", _trial(form, _arrived(request)))


def _posted(request: WorkspaceRequest, form: ConfigForm, context: dict[str, Any]) -> HttpResponse | None:
    """The answer once the config is made; None when the page is to be shown once more, with what `context` gets."""
    try:
        files = context["uploads"] = files_of(request)
        if form.is_valid() and not _saves_nothing(request):
            return _created(request, form, files)
        if "add_file" in request.POST:
            form.texts.append(("", ""))
        elif "new_environment" in request.POST:
            context["form"] = _with_new_environment(request, form, files)
        elif "try" in request.POST:
            context |= _trial(form, files)
        context["findings"] = context.get("form", form).findings(files)
    except SlipwayError as error:
        form.is_valid()
        show(form, error)
    return None


def _saves_nothing(request: WorkspaceRequest) -> bool:
    return any(button in request.POST for button in SAVING_NOTHING)


def _created(request: WorkspaceRequest, form: ConfigForm, files: list[Upload]) -> HttpResponse:
    named = {name: form.cleaned_data[name] for name in ("name", "description", "environment_variables")}
    with transaction.atomic():  # a config that is refused leaves no environment behind
        made = None
        if form.makes_environment:
            made = environments.define(workspace=request.workspace, actor=request.user, **form.definition())
        facts = form.facts(files, made)
        config = configs.create(workspace=request.workspace, actor=request.user, **named, **facts)
    request.session.pop(config_import.KEY, None)
    messages.success(request, f"{config} is created.")
    return redirect(_next_page(request, config))


def _next_page(request: WorkspaceRequest, config: InferenceConfig) -> str:
    """Back to the deployment that the script was written for; else the config's own page."""
    place = {"workspace": request.workspace.slug}
    if version := request.GET.get("for"):
        return f"{reverse('deploy', kwargs=place)}?{urlencode({'version': version, 'config': str(config)})}"
    return reverse("config_detail", kwargs=place | {"name": config.name, "number": config.number})


def _with_new_environment(request: WorkspaceRequest, form: ConfigForm, files: list[Upload]) -> ConfigForm:
    """The same form, in which an environment is to be made that has what the imports lack."""
    data: QueryDict = request.POST.copy()
    data["requirements"] = form.with_packages(files)
    data["environment"] = NEW
    return ConfigForm(request.workspace, data)


def _trial(form: ConfigForm, files: list[Upload]) -> dict[str, Any]:
    """`trial`, or the `error` that kept it from being made."""
    try:
        facts = form.facts(files)
        wrong = [finding for finding in configs.check(**facts) if finding.level == "error"]
        if wrong or facts["environment"] is None:
            return {"error": {"message": "The check above finds errors.", "hint": "Correct them, then try again."}}
        trial: Trial = dry_run(
            entry_script=facts["entry_script"],
            files=facts["files"],
            environment=facts["environment"],
            version=form.version(),
            sample=form.cleaned_data.get("sample", ""),
            variables=configs.read_variables(form.cleaned_data.get("environment_variables") or {}),
        )
    except SlipwayError as error:
        return {"error": error}
    return {"trial": trial}


def _arrived(request: WorkspaceRequest) -> list[Upload]:
    """The uploads of the page that are complete by now."""
    known = Upload.objects.in_workspace(request.workspace).filter(user=request.user, artifact__isnull=False)
    return list(known.filter(pk__in=upload_ids(request)).select_related("artifact"))
