"""A worker's part, run as a process of its own: `python -m tests.registry.install_elsewhere define|install|hang`.

Everything lies under SLIPWAY_DATA, the database included; `hang` stops in the middle of an installation.
"""

import sys
from pathlib import Path

import django

from tests.registry.worker_processes import hang_halfway

REQUIREMENTS = ["demo"]


def main(verb: str) -> None:
    django.setup()
    from django.conf import settings

    from registry.environments import environments, runtime
    from registry.models import Environment

    runtime.RUNTIME_FILE = Path(settings.SLIPWAY["WHEELS"]) / "runtime.txt"
    if verb == "define":
        define(environments)
        return
    if verb == "hang":
        hang_halfway()
    environments.install(Environment.objects.get(name="demo"), sys.stdout)


def define(environments) -> None:
    from django.core.management import call_command

    from studio.accounts.models import Workspace

    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(slug="vision", name="Vision")
    environments.define(workspace=workspace, actor=None, name="demo", python_version="3.11", requirements=REQUIREMENTS)


if __name__ == "__main__":
    main(sys.argv[1])
