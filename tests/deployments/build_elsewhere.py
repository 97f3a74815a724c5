"""A build worker, run as a process of its own: `python -m tests.deployments.build_elsewhere VERB`.

deploy: a service with an entry script. build: what is due. hang: the same, stopping in the middle of the
installation.
"""

import sys
from pathlib import Path

import django

from tests.registry.worker_processes import hang_halfway


def main(verb: str) -> None:
    django.setup()
    from django.conf import settings

    from registry.environments import runtime

    runtime.RUNTIME_FILE = Path(settings.SLIPWAY["WHEELS"]) / "runtime.txt"
    {"deploy": deploy, "build": build, "hang": hang}[verb]()


def deploy() -> None:
    from django.core.management import call_command

    from studio.accounts.models import User, Workspace
    from tests.deployments.service_factories import deploy as deploy_version
    from tests.deployments.service_factories import make_config
    from tests.registry.factories import make_version

    call_command("migrate", verbosity=0)
    workspace, bob = Workspace.objects.create(slug="vision", name="Vision"), User.objects.create(username="bob")
    config = make_config(workspace, bob, "demo")
    version = make_version(workspace, "pickled", files={"model.pkl": b"x"}, framework="scikit-learn")
    deploy_version(workspace, bob, version, config=config, built=False)


def build() -> None:
    from deployments import tasks  # noqa: F401 - registers what runs builds
    from deployments.models import Build
    from studio.core.job_runner import run_job

    for key in list(Build.objects.due().values_list("pk", flat=True)):
        run_job("build", key)


def hang() -> None:
    from registry.environments import environments

    hang_halfway()
    install = environments.install

    def install_aloud(environment, log, **more):
        return install(environment, sys.stdout, **more)

    environments.install = install_aloud
    build()


if __name__ == "__main__":
    main(sys.argv[1])
