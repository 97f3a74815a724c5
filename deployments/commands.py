"""Pure: the same deployment as a command line and as a REST call, and a request to a service as code to copy."""

import json
import shlex
from typing import Any


def cli(given: dict[str, Any]) -> str:
    """`slipway service deploy …` for the values of a REST body."""
    parts = ["slipway", "service", "deploy", "-n", given["name"]]
    for model in given["models"]:
        parts += ["-m", model]
    if given.get("config"):
        parts += ["--config", given["config"]]
    for option, name in (("--cpu", "cpu"), ("--memory", "memory_gb")):
        if given.get("deployment_config", {}).get(name) is not None:
            parts += [option, f"{given['deployment_config'][name]:g}"]
    if given.get("deployment_config", {}).get("grpc"):
        parts.append("--grpc")
    if given.get("overwrite"):
        parts.append("--overwrite")
    return shlex.join([*parts, "--wait"])


def rest(url: str, given: dict[str, Any]) -> str:
    """The same as a call with curl; the token is left for the reader to fill in."""
    body = json.dumps(given, ensure_ascii=False, indent=2)
    return (
        f"curl -X POST {shlex.quote(url)} \\\n"
        '  -H "Authorization: Bearer $SLIPWAY_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def score_curl(address: str, body: str, *, auth: bool, path: str = "/score") -> str:
    key = '  -H "Authorization: Bearer $SERVICE_KEY" \\\n' if auth else ""
    return (
        f"curl -X POST {shlex.quote(address + path)} \\\n{key}"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(_compact(body))}"
    )


def score_python(address: str, body: str, *, auth: bool, path: str = "/score") -> str:
    """With the requests package, which people know."""
    key = 'headers={"Authorization": f"Bearer {os.environ[\'SERVICE_KEY\']}"},\n    ' if auth else ""
    imports = "import os\n\nimport requests" if auth else "import requests"
    return (
        f"{imports}\n\nanswer = requests.post(\n    {address + path!r},\n    json={_python(body)},\n    {key}"
        "timeout=60,\n)\nanswer.raise_for_status()\nprint(answer.json())\n"
    )


def _compact(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def _python(body: str) -> str:
    try:
        return repr(json.loads(body))
    except ValueError:
        return repr(body)
