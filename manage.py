#!/usr/bin/env python
"""Django's command line for the studio; `manage.py up` starts everything on one machine."""

import os
import sys

from studio.core.secret_environment import start_without_secrets
from studio.stack.lifeline import die_with_parent


def main() -> None:
    if parent := os.environ.pop("SLIPWAY_PARENT", ""):  # `slipway admin` waits for this process
        die_with_parent(int(parent))
    if sys.argv[1:2] == ["up"]:
        start_without_secrets()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
    from django.core.management import execute_from_command_line  # start-up: after the settings are named

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
