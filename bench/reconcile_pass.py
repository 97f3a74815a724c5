"""One checkout's part of bench/reconcile.py, run in its folder: `python reconcile_pass.py COUNT`.

Makes services on the fake target in a database of its own, lets them settle, and visits each once more. Prints JSON:
processor seconds and queries of that pass. Works with checkouts from before there were instances, too.
"""

import json
import os
import sys
import tempfile
import time

sys.path[0] = os.getcwd()
TARGET_FIELD = {True: "kind", False: "driver"}


def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        os.environ |= {"SLIPWAY_DATA": folder, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        visit, keys = settle(make_services(count))
        print(json.dumps(measure(visit, keys)))


def make_services(count: int) -> list[int]:
    from django.utils import timezone

    from deployments.models import Build, InferenceConfig, Revision, Service, Target, Traffic
    from studio.accounts.models import Workspace

    workspace, now = Workspace.objects.create(slug="bench", name="Bench"), timezone.now()
    kind = {TARGET_FIELD[hasattr(Target, "kind")]: "fake"}
    target = Target.objects.create(workspace=workspace, name="fake", settings={"behaviour": "good"}, **kind)
    config = InferenceConfig.objects.create(workspace=workspace, name="none", number=1, kind="no_code")
    wanted = {"wanted_revision": 1} if hasattr(Service, "wanted_revision") else {}
    keys = []
    for number in range(count):
        name = f"service-{number}"
        service = Service.objects.create(workspace=workspace, name=name, target=target, last_revision=1, **wanted)
        revision = Revision.objects.create(service=service, number=1, config=config)
        facts = {"state": "succeeded", "created_at": now, "started_at": now, "finished_at": now}
        Build.objects.create(revision=revision, **facts)
        Traffic.objects.create(service=service, revision=revision, percent=100)
        keys.append(service.pk)
    return keys


def settle(services: list[int]):
    """What visits one of them, and the keys to visit."""
    try:
        from deployments.control import advance, reconcile
        from deployments.models import Instance
    except ImportError:
        from deployments.reconcile import reconcile as visit

        keys = services
    else:
        from tests.targets.fake.driver import World, register_fake

        register_fake(World())
        for key in services:
            advance.advance(key)
        visit, keys = reconcile.reconcile, list(Instance.objects.values_list("pk", flat=True))
    for _ in range(3):
        for key in keys:
            visit(key)
    return visit, keys


def measure(visit, keys: list[int]) -> dict[str, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from deployments.models import Service

    unsettled = Service.objects.exclude(phase="Healthy").count()
    if unsettled:
        raise SystemExit(f"{unsettled} services are not Healthy")
    with CaptureQueriesContext(connection) as queries:
        visit(keys[0])
    begun = time.process_time()
    for key in keys:
        visit(key)
    return {"seconds": time.process_time() - begun, "queries": len(queries)}


if __name__ == "__main__":
    main(int(sys.argv[1]))
