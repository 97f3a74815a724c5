"""Pages of conversions: the form, the measured variants, and the step to a version."""

import csv

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from registry.conversion import conversions
from registry.conversion.registering import find_variant, register_variant
from registry.models import Conversion
from registry.versions.registration import find_version
from registry.views.conversion_form import ConversionForm
from registry.views.conversion_rows import csv_rows, gates_of, verdict_of
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render

PAGE = "registry/conversion_detail.html"


@workspace_page
def conversion_new(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """The form, with what it will do; posting begins it."""
    version = find_version(request.workspace, f"{name}:{number}")
    posted = request.method == "POST"
    form = ConversionForm(request.POST if posted else None, request.FILES if posted else None, version=version)
    error: SlipwayError | None = None
    if posted and form.is_valid():
        try:
            made = conversions.request_conversion(request.workspace, request.user, form.asked())
            return redirect(made)
        except SlipwayError as refused:
            error = refused
    status = error.status if error else 422 if posted else 200
    context = {"version": version, "form": form, "error": error, "is_onnx": version.framework == "onnx"}
    return render(request, "registry/conversion_new.html", context, status=status)


@workspace_page
@require_safe
def conversion_detail(request: WorkspaceRequest, conversion: int) -> HttpResponse:
    """Progress while it runs, then the variants with their verdicts."""
    found = conversions.find_conversion(request.workspace, conversion)
    return render(request, PAGE, _context(found), partial="study")


@workspace_page
@require_safe
def conversion_csv(request: WorkspaceRequest, conversion: int) -> HttpResponse:
    found = conversions.find_conversion(request.workspace, conversion)
    response = HttpResponse(content_type="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="conversion-{found.pk}.csv"'
    csv.writer(response).writerows(csv_rows(found))
    return response


@workspace_page
@require_POST
def conversion_cancel(request: WorkspaceRequest, conversion: int) -> HttpResponse:
    found = conversions.find_conversion(request.workspace, conversion)
    if conversions.cancel(found):
        messages.success(request, f"The {found} is cancelled.")
    return redirect(found)


@workspace_page
@require_POST
def conversion_register(request: WorkspaceRequest, conversion: int) -> HttpResponse:
    """Make the posted `variant` a version, and go to its page."""
    found = conversions.find_conversion(request.workspace, conversion)
    try:
        version = register_variant(find_variant(found, _variant_of(request)), request.user)
    except SlipwayError as error:
        return render(request, PAGE, _context(found) | {"error": error.as_dict()}, status=error.status)
    messages.success(request, f"{version} is registered; it is being inspected.")
    return redirect("version_detail", workspace=request.workspace.slug, name=version.name, number=version.number)


def _variant_of(request: WorkspaceRequest) -> str:
    name = request.POST.get("variant", "")
    if not name:
        raise BadInput("No variant was named.", hint="Press the button beside one.", field="variant")
    return name


def _context(found: Conversion) -> dict[str, object]:
    variants = list(found.variants.all())
    return {
        "conversion": found,
        "variants": variants,
        "verdict": verdict_of(found),
        "gates": gates_of(found),
        "next_number": found.version.model.next_number,
        "error": found.error,
        "measured": sum(one.one is not None for one in variants),
    }
