"""Pure: what people read and start in an archive."""

from string import Template
from typing import Any

START = Template(
    """\
#!/bin/sh
# Checks this archive and serves its models: ./start.sh --help lists the options.
set -eu
case $$0 in */*) here=$${0%/*} ;; *) here=. ;; esac
here=$$(CDPATH= cd -- "$$here" && pwd)
if [ -z "$${PYTHON:-}" ]; then
    for PYTHON in python$minor python3 python ""; do
        [ -n "$$PYTHON" ] || { echo "This archive needs Python $minor, and there is no Python on the PATH." >&2
            echo "Install it, or say where it is: PYTHON=/path/to/python$minor ./start.sh" >&2; exit 3; }
        if command -v "$$PYTHON" >/dev/null 2>&1; then break; fi
    done
fi
version=$$("$$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$$version" != "$minor" ]; then
    echo "This archive needs Python $minor, and $$PYTHON is Python $$version." >&2
    echo "Say where another one is: PYTHON=/path/to/python$minor ./start.sh" >&2
    exit 3
fi
PYTHONPATH="$$here/library" PYTHONDONTWRITEBYTECODE=1 exec "$$PYTHON" -m scoring.edge start "$$here" "$$@"
"""
)

COMPOSE = Template(
    """\
# Serves this archive in a container, at http://127.0.0.1:5001: SLIPWAY_KEYS=<key> docker compose up -d
# SLIPWAY_IMAGE may name any image with a shell and Python $minor that this device has; packages are in the archive.
services:
  $service:
    image: $${SLIPWAY_IMAGE:-python:$minor-slim}
    entrypoint: ["/archive/start.sh"]
    command: ["--host", "0.0.0.0", "--work", "/tmp/work"]
    environment:
      SLIPWAY_KEYS: $${SLIPWAY_KEYS:?callers need a key}
    user: "65532:65532"
    volumes: [".:/archive:ro"]
    ports: ["127.0.0.1:5001:5001"]
    read_only: true
    tmpfs: ["/tmp"]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
"""
)

README = Template(
    """\
# $service, revision $revision

Exported by Slipway. It serves $models and needs nothing but Python $minor on $system $machine: no network, no packages.

    ./start.sh                                  # at http://127.0.0.1:5001, for this device alone
    ./start.sh --host 0.0.0.0 --keys-file keys  # for the network: one key per line in the file
    ./start.sh --public-key studio.pub          # only if your studio has signed it
    ./start.sh --check                          # check every file and stop
    SLIPWAY_KEYS=<key> docker compose up -d     # in a container, of any image with Python $minor (SLIPWAY_IMAGE)

Call it at `/score`, with `Authorization: Bearer <key>` where it has keys. It writes to the folder `work` beside this
file, or to the one that `--work` names; everything else may be read-only.

`manifest.json` says what is in the archive, with the SHA-256 of every file; `manifest.sig` is its Ed25519 signature.
`sha256sum -c SHA256SUMS` checks the files without Slipway.
"""
)


def start_script(minor: str) -> str:
    """`start.sh` of an archive for a Python such as 3.11."""
    return START.substitute(minor=minor)


def compose_file(service: str, minor: str) -> str:
    """`compose.yaml` of an archive for a Python such as 3.11."""
    return COMPOSE.substitute(service=service, minor=minor)


def readme(manifest: dict[str, Any]) -> str:
    """README.md."""
    names = ", ".join(manifest["models"]) or "an entry script"
    facts = {name: manifest[name] for name in ("service", "revision")}
    return README.substitute(manifest["python"], models=names, **facts)
