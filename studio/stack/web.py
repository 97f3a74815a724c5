"""The web server: Granian, with the secrets that were handed over in its memory and not in its environment.

`manage.py up` starts it; by itself it is `python -m studio.stack.web --interface asginl … studio.asgi:application`.
"""

import multiprocessing
import os
import runpy
import sys

from studio.core.secret_environment import restore, start_without_secrets


def main() -> None:
    """Serve until stopped."""
    start_without_secrets()
    restore(os.environ)
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # a server process that is spawned shows all in its environment
    runpy.run_module("granian", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
