"""The table of options as files that cannot read it: the command line's flags, and a page of the docs."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from deployments.config import options
from deployments.config.azure_deployment_config import REASONS, TLS
from deployments.config.options import Option

COMMAND = "python manage.py write_option_tables"
CLI_TYPES = {"number": "float", "whole": "int", "switch": "bool", "choice": "str", "words": "list[str]"}
CLI_TYPES |= {"variables": "list[str]"}


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    root = Path(settings.BASE_DIR)
    return {
        root / "slipway" / "commands" / "deployment_flags.py": flags_text(),
        root / "docs" / "deployment-options.md": docs_text(),
    }


def flags_text() -> str:
    """`slipway/commands/deployment_flags.py`, formatted as ruff formats it."""
    parts = [part for option in options.OPTIONS if option.flag for part in _flag(option)]
    lines = [
        f'"""Flags for the options of a deployment config. Written by `{COMMAND}`: do not edit."""',
        "# ruff: noqa: E501",
        "",
        "from slipway.commands.flags import Flag",
        "",
        "FLAGS = (",
        *parts,
        ")",
    ]
    return "\n".join(lines) + "\n"


def _flag(option: Option) -> list[str]:
    flags = (option.flag, *option.flag_aliases)
    facts: dict[str, Any] = {"path": option.path, "flags": flags, "help": _help(option)}
    lines = [f"        {name}={_literal(value)}," for name, value in facts.items()]
    lines.insert(2, f"        type={CLI_TYPES[option.kind]},")
    if option.scale != 1:
        lines.append(f"        scale={option.scale!r},")
    return ["    Flag(", *lines, "    ),"]


def _literal(value: Any) -> str:
    """As ruff writes it: double quotes."""
    if isinstance(value, tuple):
        return f"({', '.join(json.dumps(one) for one in value)}{',' if len(value) == 1 else ''})"
    return json.dumps(value, ensure_ascii=False)


def _help(option: Option) -> str:
    form = {"words": " May be repeated.", "variables": " NAME=value; may be repeated."}.get(option.kind, "")
    choices = f" One of {', '.join(option.choices)}." if option.kind == "choice" else ""
    return f"{option.summary()}{form}{choices}{_default(option)}"


def _default(option: Option) -> str:
    if not option.shows_default or option.default in (None, False, True) or option.kind == "json":
        return ""
    value = option.for_people(option.default)
    return f" Default {value:g}." if isinstance(value, (int, float)) else f" Default {value}."


def docs_text() -> str:
    """`docs/deployment-options.md`."""
    rows = [_row(option) for option in options.OPTIONS]
    return "\n".join(
        [
            "# Options of a deployment",
            "",
            f"<!-- Written by `{COMMAND}` from deployments/config/options.py: do not edit. -->",
            "",
            "Keys of `deployment_config` over REST and in the Python client. A unit in parentheses is that of the",
            "deploy form and of the flag of `slipway service deploy`. Options without a flag go into `--server` as",
            "JSON, without `server.`.",
            "",
            "| key | flag | default | range | meaning |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "## Where requests wait",
            "",
            "At the front: with `concurrency`, further requests wait there for a free replica, at most `waiting_limit`",
            "times the ready replicas, for `queue_wait_seconds` at most. Without it the front sends every request at",
            "once, and only those wait that find no ready replica. The limits of the default revision count for all",
            "revisions of a service. [Scaling](how-to/scaling.md) tells how many replicas there are.",
            "",
            "In a replica: slow requests wait for a run in the queue of one process, at most `server.queue_limit`, for",
            "`server.queue_wait_seconds`, or `queue_wait_seconds` where that is given. Calls of the service's own",
            "address, which bypass the front, know this queue alone. Both answer 503 with `Retry-After`.",
            "",
            "## Azure's deploymentconfig.json",
            "",
            "A file with `computeType` may be given in place of `deployment_config`, and to the command line as",
            "`--dc` (JSON or YAML). These settings are used; `cpuLimit` and `memoryInGBLimit` override `cpu` and",
            "`memoryInGB`. `GET …/services/NAME/deploymentconfig` responds in this shape.",
            "",
            "`autoScaler.autoscaleEnabled` says whether the service scales; without it, a file for `aks` that names no",
            "`numReplicas` does, as in Azure, and another one where it names `maxReplicas`, which is 10 where it is",
            "left out. `keys.primaryKey` and `keys.secondaryKey` become the keys of the service. `sslEnabled` is",
            "taken where the front has a certificate.",
            "",
            "| deploymentconfig.json | key |",
            "| --- | --- |",
            *(f"| `{one.azure}` | `{one.name}` |" for one in options.OPTIONS if one.azure),
            "",
            "These have no effect. A deployment that sets one of them says so (`warnings` of the response). A setting",
            f"that is not listed here is rejected by its name, and so is `{TLS}` without a certificate at the",
            "front.",
            "",
            "| deploymentconfig.json | why it has no effect |",
            "| --- | --- |",
            *(f"| `{name}` | {why} |" for name, why in REASONS.items()),
            "",
        ]
    )


def _row(option: Option) -> str:
    unit = f" ({option.unit})" if option.unit and option.scale != 1 else ""
    flag = f"`{option.flag}`{unit}" if option.flag else ""
    default = "" if option.default is None else f"`{json.dumps(_short(option.default))}`"
    cells = [f"`{option.name}`", flag, default, _range(option), option.summary(unit=option.scale == 1)]
    return f"| {' | '.join(cells)} |"


def _range(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if option.low is None and option.high is None:
        return ""
    low = "" if option.low is None else f"{_short(option.low)}"
    high = "" if option.high is None else f"{_short(option.high)}"
    return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"


def _short(value: Any) -> Any:
    return options.tidy(value) if isinstance(value, float) else value
