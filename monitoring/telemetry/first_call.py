"""The calls that fill an empty Metrics panel, ready to be copied."""

import json
import shlex

from deployments.config.deployment_config import config_of
from deployments.control.facts import wanted_revision
from deployments.models import Phase
from deployments.services.describe import call_address_of
from deployments.services.queries import find
from deployments.views.call_snippets import score_curl
from deployments.views.form_defaults import sample_path, sample_request
from deployments.views.service_header import CANNOT_ANSWER
from studio.accounts.models import Workspace


def first_calls(workspace: Workspace, name: str) -> dict[str, str]:
    """`curl` (empty while the service has no address) and `command`, with a request that fits the service; why it
    cannot be called, where it has failed or was stopped."""
    service = find(workspace, name)
    newest = wanted_revision(service)
    body, address = sample_request(newest), call_address_of(service)
    path = sample_path(newest)
    credential = config_of(newest).credential
    where = "" if path == "/score" else f" --path {shlex.quote(path)}"
    return {
        "cannot_answer": CANNOT_ANSWER.get(Phase(service.phase), ""),
        "curl": score_curl(address, body, credential=credential, path=path) if address else "",
        "command": f"slipway service score {service.name}{where} -d {shlex.quote(json.dumps(json.loads(body)))}",
    }
