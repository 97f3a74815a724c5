"""Pure: the same deployment as a command line and as a REST call, and a request to a service as code to copy."""

import json
import shlex
from typing import Any

from deployments.config.option_values import unpack
from deployments.config.options import Credential, Option

VARIABLES = {"key": "SERVICE_KEY", "token": "SERVICE_TOKEN"}  # that hold what a caller must show
LINE = 72  # characters of a command that stays on one line
DTYPES = {  # of NumPy, for the data types of the Open Inference Protocol
    "BOOL": "bool_", "BYTES": "object_", "FP16": "float16", "BF16": "float32", "FP32": "float32", "FP64": "float64",
    **{f"{kind.upper()}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def cli(given: dict[str, Any]) -> str:
    """`slipway service deploy …` for the values of a REST body; a long one has a line for each option."""
    options = [["-n", given["name"]], *(["-m", model] for model in given["models"])]
    options += [[f"--{name}", given[name]] for name in ("config", "description", "reason") if given.get(name)]
    options += _limits(given.get("deployment_config", {}))
    options += [["--overwrite"]] if given.get("overwrite") else []
    parts = ["slipway service deploy", *(shlex.join(option) for option in [*options, ["--wait"]])]
    return " ".join(parts) if sum(map(len, parts)) + len(parts) <= LINE else " \\\n  ".join(parts)


def _limits(config: dict[str, Any]) -> list[list[str]]:
    """The flags of a deployment config, in the order of the table; `--server` for what has none."""
    if config.get("token_auth"):
        config = {name: value for name, value in config.items() if name != "auth"}  # tokens say it already
    chosen, server = unpack(config, lambda option: bool(option.flag))
    found = [flags for option, value in chosen for flags in _flags(option, value)]
    return found + ([["--server", json.dumps(server, ensure_ascii=False)]] if server else [])


def _flags(option: Option, value: Any) -> list[list[str]]:
    """How the command line says that an option has this value; nothing for a switch that stays as it is."""
    if option.kind == "switch":
        return [] if value == option.default else [[option.flag.split("/")[0 if value else -1]]]
    if option.kind == "variables":
        return [[option.flag, f"{name}={text}"] for name, text in value.items()]
    values = value if isinstance(value, list) else [value]
    return [[option.flag, f"{one:g}" if isinstance(one, float) else str(one)] for one in values]


def rest(url: str, given: dict[str, Any]) -> str:
    """The same as a call with curl; the token is left for the reader to fill in."""
    body = json.dumps(given, ensure_ascii=False, indent=2)
    return (
        f"curl -X POST {shlex.quote(url)} \\\n"
        '  -H "Authorization: Bearer $SLIPWAY_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def token_cli(name: str) -> str:
    """Fetch a token where `score_curl` and its like look for it."""
    return f"export {VARIABLES['token']}=$(slipway service get-access-token {shlex.quote(name)})"


def token_curl(url: str) -> str:
    """The REST call for a token; the studio's own token is left for the reader to fill in."""
    return f'curl -X POST {shlex.quote(url)} \\\n  -H "Authorization: Bearer $SLIPWAY_TOKEN"'


def score_curl(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    key = f'  -H "Authorization: Bearer ${VARIABLES[credential]}" \\\n' if credential else ""
    return (
        f"curl -X POST {shlex.quote(address + path)} \\\n{key}"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(_compact(body))}"
    )


def score_python(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    """With the requests package, which people know."""
    key = f'headers={{"Authorization": {_bearer(credential)}}},\n    ' if credential else ""
    imports = "import os\n\nimport requests" if credential else "import requests"
    return (
        f"{imports}\n\nanswer = requests.post(\n    {address + path!r},\n    json={_python(body)},\n    {key}"
        "timeout=60,\n)\nanswer.raise_for_status()\nprint(answer.json())\n"
    )


def score_grpc(address: str, model: str, inputs: list[dict[str, Any]], *, credential: Credential) -> str:
    """With tritonclient; `inputs` as a V2 request has them."""
    sent = "\n".join(_tensor(number, tensor) for number, tensor in enumerate(inputs, 1))
    names = ", ".join(f"input_{number}" for number in range(1, len(inputs) + 1))
    key = f', headers={{"authorization": {_bearer(credential)}}}' if credential else ""
    return (
        f'# pip install "tritonclient[grpc]"\n{"import os" + chr(10) * 2 if credential else ""}'
        f"import numpy as np\nimport tritonclient.grpc as triton\n\n{sent}\n\n"
        f"with triton.InferenceServerClient({address!r}) as client:\n"
        f"    answer = client.infer({model!r}, [{names}]{key})\n"
        "for output in answer.get_response().outputs:\n    print(output.name, answer.as_numpy(output.name))\n"
    )


def _bearer(credential: Credential) -> str:
    """The header's value as Python."""
    return f"f\"Bearer {{os.environ['{VARIABLES[credential]}']}}\""


def _tensor(number: int, tensor: dict[str, Any]) -> str:
    name, shape, datatype, data = tensor["name"], tensor["shape"], tensor["datatype"], tensor["data"]
    dtype = f"np.{DTYPES[datatype]}"
    alike = len(data) > 1 and not isinstance(data[0], list) and data.count(data[0]) == len(data)
    array = f"np.full({shape}, {data[0]!r}, {dtype})" if alike else f"np.array({data!r}, {dtype}).reshape({shape})"
    return (
        f"input_{number} = triton.InferInput({name!r}, {shape}, {datatype!r})\n"
        f"input_{number}.set_data_from_numpy({array})"
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
