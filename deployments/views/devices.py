"""Pages of the devices of an edge target: list and add, labels, new keys, remove, roll-outs."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from deployments.edge import device_rollouts, devices, signing
from deployments.edge.standing import describe_devices, describe_rollouts
from deployments.models import Device, Target
from deployments.services import targets
from deployments.services.queries import find
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Question, ask
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render

SHOWN = 200


class LabelsForm(forms.Form):
    labels = forms.CharField(
        required=False,
        max_length=1000,
        help_text="Separated by commas, such as canary, north.",
    )

    def chosen(self) -> list[str]:
        return str(self.cleaned_data["labels"]).split(",")


class NewDeviceForm(LabelsForm):
    name = forms.CharField(max_length=63, help_text="Such as hall-3: letters, digits and '-'.")
    field_order = ("name", "labels")


@never_cache
@workspace_page(write_role=Role.ADMIN)
def device_list(request: WorkspaceRequest, name: str) -> HttpResponse:
    """All devices, desired against running, and how far releases are; posting adds one and shows its key."""
    target = targets.find_target(request.workspace, name)
    form = NewDeviceForm(request.POST or None)
    made: tuple[Device, str] | None = None
    if form.is_valid():
        try:
            made = devices.add_device(target, request.user, form.cleaned_data["name"], form.chosen())
            form = NewDeviceForm()
        except SlipwayError as error:
            show(form, error)
    return _list(request, target, form, made, status=422 if form.errors else 200)


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def device_labels(request: WorkspaceRequest, name: str, device: str) -> HttpResponse:
    """Other labels."""
    found = _found(request, name, device)
    form = LabelsForm(request.POST or None, initial={"labels": ", ".join(found.labels)})
    if form.is_valid():
        try:
            devices.label_device(found, request.user, form.chosen())
        except SlipwayError as error:
            show(form, error)
        else:
            messages.success(request, f"The labels of {device} are changed.")
            return redirect(_page(found.target))
    context = {"target": found.target, "device": found, "form": form}
    return render(request, "deployments/device_labels.html", context, status=422 if form.errors else 200)


@never_cache
@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def device_regenerate_key(request: WorkspaceRequest, name: str, device: str) -> HttpResponse:
    """Ask, then replace the key and show the new one."""
    found = _found(request, name, device)
    if request.method != "POST":
        text = "The studio answers the device no more until its agent.json has the new key. What runs there goes on."
        question = Question(
            title=f"Make a new key for {device}?", text=text, action="Make a new key", back=_page(found.target)
        )
        return ask(request, question)
    key = devices.regenerate_key(found, request.user)
    return _list(request, found.target, NewDeviceForm(), (found, key))


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def device_revoke_key(request: WorkspaceRequest, name: str, device: str) -> HttpResponse:
    """Ask, then answer the device no more."""
    found = _found(request, name, device)
    if request.method != "POST":
        text = "The studio answers the device no more. What runs there goes on."
        question = Question(
            title=f"Revoke the key of {device}?", text=text, action="Revoke the key", back=_page(found.target)
        )
        return ask(request, question)
    devices.revoke_key(found, request.user)
    messages.success(request, f"The key of {device} is revoked.")
    return redirect(_page(found.target))


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def device_remove(request: WorkspaceRequest, name: str, device: str) -> HttpResponse:
    """Ask, then forget the device."""
    found = _found(request, name, device)
    if request.method != "POST":
        text = "The studio forgets it and its key. What runs there goes on, and is told nothing more."
        question = Question(
            title=f"Remove the device {device}?", text=text, action=f"Remove {device}", back=_page(found.target)
        )
        return ask(request, question)
    devices.remove_device(found, request.user)
    messages.success(request, f"The device {device} is removed.")
    return redirect(_page(found.target))


@require_POST
@workspace_page
def device_rollout_resume(request: WorkspaceRequest, name: str, service: str) -> HttpResponse:
    """Go on with a roll-out that was stopped."""
    target = targets.find_target(request.workspace, name)
    try:
        device_rollouts.resume(target, find(request.workspace, service), request.user)
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    else:
        messages.success(request, f"The roll-out of {service} goes on.")
    return redirect(_page(target))


def _list(
    request: WorkspaceRequest, target: Target, form: forms.Form, made: tuple[Device, str] | None, status: int = 200
) -> HttpResponse:
    rollouts = describe_rollouts(target)
    context: dict[str, Any] = {
        "target": target,
        "kind": targets.kind_title(target.kind),
        "is_edge": target.kind == devices.KIND,
        "devices": describe_devices(target, target.devices.order_by("name")[:SHOWN]),
        "rollouts": rollouts,
        "form": form,
        "public_key": signing.public_key(),
        "made": made and made[0],
        "agent": json.dumps(devices.agent_settings(*made), indent=2) if made else "",
    }
    return render(request, "deployments/devices.html", context, partial="live", status=status)


def _found(request: WorkspaceRequest, name: str, device: str) -> Device:
    return devices.find_device(targets.find_target(request.workspace, name), device)


def _page(target: Target) -> str:
    return reverse("device_list", kwargs={"workspace": target.workspace.slug, "name": target.name})
