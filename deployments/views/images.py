"""The page of a workspace's images, and the files that say what they are made of."""

from django.http import HttpResponse, HttpResponseBase

from deployments.services.images import document_response, find_image, images_of
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.pages import render

SHOWN = 100


@workspace_page
def image_list(request: WorkspaceRequest) -> HttpResponse:
    return render(request, "deployments/images.html", {"images": images_of(request.workspace)[:SHOWN]})


@workspace_page
def image_bill(request: WorkspaceRequest, image: int) -> HttpResponseBase:
    return document_response(request, find_image(request.workspace, image), "bill")


@workspace_page
def image_licences(request: WorkspaceRequest, image: int) -> HttpResponseBase:
    return document_response(request, find_image(request.workspace, image), "licences")
