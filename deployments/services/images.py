"""Images of a workspace, and the files that say what they are made of."""

from typing import Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from deployments.models import BuiltImage
from registry.store.artifacts import open_artifact
from registry.store.downloads import Content, ranged_response
from studio.accounts.models import Workspace
from studio.core.errors import NotFound

ENDINGS = {"bill": "cdx.json", "licences": "licences.csv"}


def images_of(workspace: Workspace) -> QuerySet[BuiltImage]:
    """The newest first; those that are being removed are left out."""
    rows = BuiltImage.objects.filter(workspace=workspace, removing_at__isnull=True)
    return rows.select_related("bill", "licences").order_by("-built_at")


def find_image(workspace: Workspace, pk: int) -> BuiltImage:
    """Raises `NotFound`."""
    found = images_of(workspace).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no image {pk} in this workspace.")
    return found


def document_response(request: HttpRequest, image: BuiltImage, kind: Literal["bill", "licences"]) -> HttpResponseBase:
    """The bill of materials (CycloneDX) or the list of licences (CSV). Raises `NotFound` where the image has none."""
    artifact = image.bill if kind == "bill" else image.licences
    if artifact is None:
        raise NotFound(f"The image {image} has no {kind}.", hint="Deploy it again: it is written when it is built.")

    def read(span: range) -> Any:
        with open_artifact(artifact) as file:
            file.seek(span.start)
            yield file.read(len(span))

    name = f"{(image.models_in or ['image'])[0].replace(':', '-')}.{ENDINGS[kind]}"
    return ranged_response(request, Content(artifact.digest, artifact.size, read), name)
