"""The Test tab: a request to fill in, as fields, JSON or a file, and what the service answers."""

import json
import mimetypes
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse

from deployments.config.deployment_config import config_of
from deployments.config.json_text import readable
from deployments.control.facts import facts_of, wanted_revision
from deployments.models import Revision, Service
from deployments.services import model_words, scoring_client
from deployments.services.answer_table import table_of
from deployments.services.describe import call_address_of, grpc_address_of
from deployments.services.request_form import RequestForm, form_for
from deployments.views import call_snippets, form_defaults
from deployments.views.service_header import can_answer
from studio.accounts.access import WorkspaceRequest
from studio.core.errors import BadInput, TooLarge

SHOWN_BYTES = 200_000  # of an answer on the page
WAYS = {"form": "Fields", "json": "JSON", "file": "File or image"}
OTHER_TYPES = {".npy": "application/x-npy", ".arrow": "application/vnd.apache.arrow.stream"}
CREDENTIALS = {"key": "the primary key", "token": "a token of its own", "": "no key"}


def test_panel(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    """The tab, with what was typed where something was sent."""
    newest = wanted_revision(service)
    way, form = _way(request, newest)
    typed = request.POST if request.method == "POST" else None
    body = typed["body"] if typed and "body" in typed else form_defaults.sample_request(newest)
    path, credential = form_defaults.sample_path(newest), config_of(newest).credential
    return {
        "way": way,
        "ways": [
            {"url": f"{_page(service)}?tab=test&as={key}", "label": label, "current": key == way}
            for key, label in WAYS.items()
            if key != "form" or form
        ],
        "form": form.with_values(typed) if form and typed and way == "form" else form,
        "body": body,
        "path": path,
        "credential": credential,
        "sent_with": CREDENTIALS[credential],
        "may_send": can_answer(service) or (facts_of(service).is_asleep and scoring_client.wakes(service)),
        "snippets": _snippets(service, newest, body),
    }


def _way(request: WorkspaceRequest, revision: Revision | None) -> tuple[str, RequestForm | None]:
    """How somebody fills in the request: as they chose, else in fields where the model's request has some."""
    form = form_for(_sample(revision), _words(revision))
    usual = "json" if "body" in request.POST or not form else "form"
    chosen = request.POST.get("as") or request.GET.get("as") or usual
    return (chosen if chosen in WAYS and (chosen != "form" or form) else "json"), form


def _sample(revision: Revision | None) -> Any:
    return json.loads(form_defaults.sample_request(revision))


def _words(revision: Revision | None) -> model_words.ModelWords:
    """Of the only model; several in one service are the business of a script."""
    versions = [use.version for use in revision.models.all()] if revision else []
    return model_words.words_of(versions[0] if len(versions) == 1 else None)


def sent(request: WorkspaceRequest, service: Service) -> tuple[bytes, str, str]:
    """Body, content type and path of the request. Raises `BadInput` and `TooLarge`."""
    revision = wanted_revision(service)
    way, form = _way(request, revision)
    path = form_defaults.sample_path(revision)
    if way == "file":
        return _file(request.FILES.get("file"))
    if way == "form" and form:
        return form.filled(_typed(request)).encode(), "application/json", path
    return request.POST.get("body", "").encode(), "application/json", path


def _typed(request: WorkspaceRequest) -> Mapping[str, str]:
    return {name: str(value) for name, value in request.POST.items()}


def _file(file: UploadedFile | None) -> tuple[bytes, str, str]:
    """A table goes where MLflow's clients send it, everything else to /score."""
    if file is None:
        raise BadInput("Choose a file to send.", field="file")
    if (file.size or 0) > scoring_client.MAX_REQUEST_BYTES:
        raise TooLarge("The test sends at most 16 MB.", hint="Call the service's own address for larger requests.")
    name = (file.name or "").lower()
    ending = name[name.rfind(".") :] if "." in name else ""
    content_type = OTHER_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return file.read(), content_type, "/invocations" if content_type == "text/csv" else "/score"


def answer_of(service: Service, result: scoring_client.ScoreResult) -> dict[str, Any]:
    """The answer as a table, where it is one, and as text; where to read about a failure."""
    text = result.body[:SHOWN_BYTES].decode(errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        return {"answer": text, "log_page": _log_page(service, result)}
    table = table_of(value, _words(wanted_revision(service)).classes) if result.status < 400 else None
    return {"answer": readable(value), "table": table, "log_page": _log_page(service, result)}


def _log_page(service: Service, result: scoring_client.ScoreResult) -> str:
    """What the service logged about a request that failed on its side."""
    if result.status < 500 or not result.request_id:
        return ""
    return f"{_page(service)}?{urlencode({'tab': 'logs', 'request': result.request_id})}"


def _snippets(service: Service, revision: Revision | None, body: str) -> list[dict[str, str]]:
    address, credential = call_address_of(service), config_of(revision).credential
    path = form_defaults.sample_path(revision)
    found = call_snippets.snippets(address, body, credential=credential, path=path)
    rpc = grpc_address_of(service, revision)
    if revision and rpc and (inputs := form_defaults.sample_inputs(revision)):
        model = revision.models.all()[0].version.model.name
        text = call_snippets.score_grpc(rpc, model, inputs, credential=credential)
        found.append({"label": "Python, gRPC", "language": "python", "text": text})
    return found


def _page(service: Service) -> str:
    return reverse("service_detail", kwargs={"workspace": service.workspace.slug, "name": service.name})
