"""Pure: the same deployment as a command line and as a REST call."""

import json
import shlex
from typing import Any

from deployments.config.option_values import unpack
from deployments.config.options import Option
from deployments.views.call_snippets import VARIABLES

LINE = 72  # characters of a command that stays on one line


def cli(given: dict[str, Any]) -> str:
    """`slipway service deploy …` for the values of a REST body; a long one has a line for each option."""
    options = [["-n", given["name"]], *(["-m", model] for model in given["models"])]
    options += [[f"--{name}", given[name]] for name in ("config", "description", "reason") if given.get(name)]
    options += _limits(given.get("deployment_config", {}))
    options += [["--overwrite"]] if given.get("overwrite") else []
    options += [["--traffic", f"{given['traffic']:g}"]] if "traffic" in given else []
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
    """Fetch a token where deployments.views.call_snippets looks for it."""
    return f"export {VARIABLES['token']}=$(slipway service get-access-token {shlex.quote(name)})"


def token_curl(url: str) -> str:
    """The REST call for a token; the studio's own token is left for the reader to fill in."""
    return f'curl -X POST {shlex.quote(url)} \\\n  -H "Authorization: Bearer $SLIPWAY_TOKEN"'
