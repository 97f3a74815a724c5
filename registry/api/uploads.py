"""`/uploads`: list, announce a file, send its chunks, complete it."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import (
    BeginUploadSerializer,
    CompleteUploadSerializer,
    ListedUploadSerializer,
    UploadSerializer,
)
from registry.errors import WrongOffset
from registry.models import Upload
from registry.store import uploads
from registry.store.artifacts import PIECE
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput


@extend_schema(tags=["uploads"], parameters=[WORKSPACE])
class UploadViewSet(InWorkspace, GenericViewSet):
    """Only contributors upload, and each sees only their own."""

    read_role = "contributor"
    actions_without_fields = frozenset({"destroy"})
    queryset = Upload.objects.none()
    serializer_class = ListedUploadSerializer
    filter_backends = []

    def list(self, request: Request, **_: Any) -> Response:
        """One's own uploads that are part of nothing yet, the one that moved last first."""
        rows = Upload.objects.in_workspace(self.workspace).filter(user=self.person).order_by("-touched_at")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(ListedUploadSerializer(page, many=True).data)

    @extend_schema(request=BeginUploadSerializer, responses={201: UploadSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Announce a file. Nothing but its size and place is needed; a SHA-256 is checked at the end."""
        facts = BeginUploadSerializer(data=request.data)
        facts.is_valid(raise_exception=True)
        given = facts.validated_data
        upload = uploads.begin(self.workspace, self.person, given["path"], given["size"], given["sha256"])
        return Response(UploadSerializer(upload).data, status=201)

    @extend_schema(responses=UploadSerializer)
    def retrieve(self, request: Request, pk: str, **_: Any) -> Response:
        """How much has arrived."""
        return Response(UploadSerializer(self._own_upload(pk)).data)

    @extend_schema(
        parameters=[OpenApiParameter("offset", int, required=True, description="byte at which this chunk begins")],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: UploadSerializer, 409: OpenApiResponse(description="Go on from `received` of this answer.")},
    )
    def update(self, request: Request, pk: str, **_: Any) -> Response:
        """Send the next chunk as the raw body. A wrong offset is answered with 409 and the right one."""
        upload, offset = self._own_upload(pk), _whole_number(request.query_params.get("offset"), "offset")
        length = _whole_number(request.headers.get("Content-Length"), "Content-Length")
        try:
            uploads.append(upload, offset, request, length=length)
        except WrongOffset as wrong:
            fault = {"code": wrong.code, "detail": wrong.message, "attr": wrong.field, "hint": wrong.hint}
            known = UploadSerializer(upload).data
            return Response({"type": "client_error", "errors": [fault], **known}, status=wrong.status)
        return Response(UploadSerializer(upload).data)

    @extend_schema(request=CompleteUploadSerializer, responses=UploadSerializer)
    def complete(self, request: Request, pk: str, **_: Any) -> Response:
        """All chunks are through: check size and SHA-256. When they differ, nothing is kept."""
        facts = CompleteUploadSerializer(data=request.data)
        facts.is_valid(raise_exception=True)
        upload = uploads.complete(self._own_upload(pk), facts.validated_data["sha256"])
        return Response(UploadSerializer(upload).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str, **_: Any) -> Response:
        """Abandon the upload and delete the bytes that have arrived."""
        uploads.abandon(self._own_upload(pk))
        return Response(status=204)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Read what is left of a refused chunk: the connection could not be used again otherwise."""
        if request.method == "PUT":
            _drain(request)
        return super().finalize_response(request, response, *args, **kwargs)

    def _own_upload(self, pk: str) -> Upload:
        return uploads.find(self.workspace, self.person, pk)


def _drain(request: Request) -> None:
    left = 2 * settings.SLIPWAY["CHUNK_BYTES"]  # whoever sends much more is cut off
    with suppress(OSError):  # the client has gone already
        while left > 0 and (piece := request.read(PIECE)):
            left -= len(piece)


def _whole_number(text: str | None, field: str) -> int:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadInput(f"{field} must be given as a whole number.", field=field)
    return int(text)
