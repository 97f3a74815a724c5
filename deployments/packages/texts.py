"""The texts of a Docker context: Dockerfile and README. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.builds.images.inside import (
    BUNDLE,
    ENTRYPOINT,
    ENVIRONMENT,
    LIBRARY,
    PORT,
    PROBE,
    PYTHON,
    ROOT,
    USER,
    VARIABLES,
)

LOCK, PIP, WHEELS, OPTIONS, BASE_FILE = "requirements.lock", "pip.whl", "wheels", "options.json", "base.Dockerfile"
_READABLE = (
    "import os, stat\n"
    f"for where, folders, files in os.walk('{ROOT}'):\n"
    "    for path in [where, *(os.path.join(where, name) for name in files)]:\n"
    "        mode = os.lstat(path).st_mode\n"
    "        if not stat.S_ISLNK(mode):\n"
    "            os.chmod(path, 0o755 if mode & 0o100 else 0o644)\n"
)


@dataclass(frozen=True)
class ContextFacts:
    """`base`: reference of the image below; with `has_base_file` it is built from `base.Dockerfile` first. `offline`:
    the packages' files are in the context."""

    title: str
    stem: str
    base: str
    models: tuple[str, ...]
    labels: Mapping[str, str]
    python_version: str = ""
    steps: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False
    has_base_file: bool = False
    has_options: bool = False


def dockerfile(facts: ContextFacts) -> str:
    """Two stages: the packages are installed in the first, of which only the finished environment goes on."""
    variables = dict(VARIABLES) | dict(facts.variables)
    install = [PYTHON, f"/build/{PIP}/pip", "install", "--no-cache-dir", "--no-deps", "--require-hashes"]
    install += ["--no-index", "--find-links", f"/build/{WHEELS}"] if facts.offline else []
    lines = [
        f"# {facts.title}: build it with `docker build --tag {facts.stem} .` (README.md).",
        f"ARG BASE_IMAGE={facts.base}",
        "FROM ${BASE_IMAGE} AS base",
        *facts.steps,
        "",
        "FROM base AS build",
        "USER 0:0",
        "WORKDIR /build",
        f"RUN {json.dumps(['python3', '-m', 'venv', '--without-pip', ENVIRONMENT])}",
        f"COPY {LOCK} {PIP} ./",
        *([f"COPY {WHEELS} ./{WHEELS}"] if facts.offline else []),
        f"RUN {json.dumps([*install, '--requirement', f'/build/{LOCK}'])}",
        *_copies(facts, "COPY"),
        f"RUN {json.dumps([PYTHON, '-c', _READABLE])}",
        f"USER {USER}",
        "",
        "FROM base",
        f"COPY --from=build {ENVIRONMENT} {ENVIRONMENT}",
        *_copies(facts, "COPY --from=build"),
        *_pairs("LABEL", facts.labels),
        *_pairs("ENV", variables),
        f"USER {USER}",
        "WORKDIR /tmp",
        f"EXPOSE {PORT}",
        "HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \\",
        f"    CMD {json.dumps(PROBE)}",
        f"ENTRYPOINT {json.dumps(ENTRYPOINT)}",
    ]
    return "\n".join([*lines, ""])


def _copies(facts: ContextFacts, instruction: str) -> list[str]:
    """Through the first stage, where they are made readable: how the context was unpacked decides their modes."""
    found = {"library": LIBRARY, **({OPTIONS: f"{ROOT}/{OPTIONS}"} if facts.has_options else {}), "bundle": BUNDLE}
    return [f"{instruction} {place if '--from' in instruction else name} {place}" for name, place in found.items()]


def _pairs(instruction: str, pairs: Mapping[str, str]) -> list[str]:
    """One instruction with a line a pair."""
    listed = [f"{name}={_quoted(value)}" for name, value in sorted(pairs.items())]
    return [f"{instruction} " + " \\\n    ".join(listed)] if listed else []


def _quoted(value: str) -> str:
    """As Dockerfiles quote: a dollar sign would be a variable. They have no line breaks within quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", " ")
    return f'"{escaped}"'


def readme(facts: ContextFacts) -> str:
    """What people read who have only the package."""
    base = (
        f"First build the image below it: `docker build --tag {facts.base} --file {BASE_FILE} .`\n\n"
        if facts.has_base_file
        else ""
    )
    network = (
        "All packages are in `wheels/`: apart from the base image nothing is fetched."
        if facts.offline
        else "The packages are fetched from the package index; each file is compared with its hash."
    )
    python = f" with Python {facts.python_version}" if facts.python_version else ""
    return f"""# {facts.title}

A Docker context that builds an image which answers predictions. It needs no Slipway.

## Build

{base}    docker build --tag {facts.stem} .

{network} The base image is `{facts.base}`; another one{python} is chosen with `--build-arg BASE_IMAGE=…`.

## Run

    docker run --rm --publish 8080:{PORT} {facts.stem}
    curl http://127.0.0.1:8080/v2/health/ready

Requests go to `POST /score`, or by the Open Inference Protocol to `/v2/models/<name>/infer`; `GET /swagger.json`
describes them. It holds: {", ".join(facts.models) or "no registered model"}.

Tighter, as the server needs neither privileges nor a writable disk:

    docker run --rm --publish 8080:{PORT} --read-only --tmpfs /tmp --cap-drop ALL \\
        --security-opt no-new-privileges {facts.stem}

| Variable | What it does |
| --- | --- |
| `SLIPWAY_KEY` | what clients send as `Authorization: Bearer <key>`; without one anybody may ask |
| `SLIPWAY_KEY_FILE` | a file that holds it, such as a mounted secret |
| `SLIPWAY_SECOND_KEY` | another key that is taken as well, so that keys can be replaced one at a time |
| `SLIPWAY_PORT` | the port inside the container ({PORT}) |
| `SLIPWAY_PROCESSES` | processes that answer (chosen from the cores) |

## What is in it

| Path | |
| --- | --- |
| `Dockerfile` | how the image is built |
| `{LOCK}` | every package with its version and hashes |
| `bundle/` | the models, and the entry script with its files |
| `library/` | the scoring server |
| `sbom.cdx.json`, `licences.csv` | what the image is made of, and under which licences |
"""
