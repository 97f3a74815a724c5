"""The calls that fill an empty Metrics panel, ready to be copied."""

import json
import shlex

from deployments.commands import score_curl
from deployments.describe import address_of
from deployments.facts import newest_revision
from deployments.lookup import find
from deployments.proposals import sample_path, sample_request
from studio.accounts.models import Workspace


def first_calls(workspace: Workspace, name: str) -> dict[str, str]:
    """`curl` (empty while the service has no address) and `command`, with a request that fits the service."""
    service = find(workspace, name)
    newest = newest_revision(service)
    body, address = sample_request(newest), address_of(service)
    path = sample_path(newest)
    auth = newest is None or newest.deployment_config.get("auth", True)
    where = "" if path == "/score" else f" --path {shlex.quote(path)}"
    return {
        "curl": score_curl(address, body, auth=auth, path=path) if address else "",
        "command": f"slipway service score {service.name}{where} -d {shlex.quote(json.dumps(json.loads(body)))}",
    }
