"""Isolated runs at this machine: real processes that no service knows of, and nothing left of them."""

import io
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from deployments.builds.bundles import Content
from deployments.config import configs, deployment_config
from deployments.errors import IsolatedRunFailed
from deployments.isolated_runs import runs
from deployments.isolated_runs.prepared import prepare
from deployments.models import Instance, IsolatedRun, Service
from deployments.recipe.recipe import content_hash
from deployments.services.create import local_target
from deployments.services.default_config import ensure_default_config
from deployments.targets.local import process
from deployments.targets.local.run_folder import RunFolder
from registry.environments import environments
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
REQUEST = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
FAILING = b"def init():\n    raise ValueError('no such luck')\n\ndef run(data): ...\n"


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for lock in (settings.DATA_DIR / "services").rglob("lock"):
        process.kill(RunFolder(lock.parent.parent))


@pytest.fixture
def iris(workspace, bob):
    version = make_version(workspace, "iris")
    return [version], ensure_default_config(version, bob)


@pytest.fixture
def failing(workspace, bob):
    config = configs.create(
        workspace=workspace,
        actor=bob,
        name="failing",
        kind="entry_script",
        entry_script="score.py",
        files={"score.py": FAILING},
        environment=environments.curated(workspace),
    )
    return [], config


@contextmanager
def running(workspace, what, purpose="profile-1", **more):
    versions, config = what
    target = local_target(workspace)
    content = Content(content_hash(versions, config), tuple(versions), config)
    made = prepare(content, target, workspace.slug, io.StringIO(), lambda *_: None, lambda: False)
    with runs.isolated_run(workspace, target, purpose, made, config, **more) as run:
        yield run


def options(**given):
    return deployment_config.complete({"cpu": 1, "processes": 1} | given)


def ask(run, key=None):
    address, _ = run.endpoints()[1]
    headers = {"Authorization": f"Bearer {key or run.key}"}
    return httpx.post(f"{address}/score", json=REQUEST, headers=headers)


def test_run_answers_whoever_started_it_and_no_service_knows_of_it(workspace, iris):
    with running(workspace, iris) as run:
        cold_start = run.start(options())
        assert ask(run).status_code == 200
        assert ask(run, "wrong-key").status_code == 401
        assert 0 < cold_start < 30
        assert (Service.objects.count(), Instance.objects.count(), IsolatedRun.objects.count()) == (0, 0, 1)
        folder = settings.DATA_DIR / "services" / str(run.ref.service_id)
        assert folder.is_dir()
    assert not folder.exists()
    assert not IsolatedRun.objects.exists()


def test_usage_tells_processor_time_and_the_high_water_mark(workspace, iris):
    with running(workspace, iris) as run:
        run.start(options())
        before = run.usage()[0]
        for _ in range(20):
            ask(run)
        after = run.usage()[0]
    assert after.cpu_seconds > before.cpu_seconds
    assert after.peak_bytes >= after.memory_bytes > 10_000_000
    assert after.threads > 1
    assert after.wait_seconds >= 0


def test_each_configuration_starts_anew(workspace, iris):
    with running(workspace, iris) as run:
        run.start(options())
        first = {one.started_at for one in run.observe().replicas}
        run.start(options(replicas=2))
        found = run.observe().replicas
    assert len(found) == 2
    assert first.isdisjoint(one.started_at for one in found)


def test_script_that_fails_tells_its_cause(workspace, failing):
    with pytest.raises(IsolatedRunFailed) as raised, running(workspace, failing) as run:
        run.start(options())
    assert raised.value.code == "init_failed"
    assert "no such luck" in raised.value.evidence
    assert not IsolatedRun.objects.exists()


def test_wait_for_a_start_can_be_ended(workspace, iris):
    def end():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), running(workspace, iris, check=end) as run:
        run.start(options())
    assert not IsolatedRun.objects.exists()


def test_next_attempt_removes_what_a_killed_one_has_left(workspace, iris, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(runs, "remove", lambda row, wait=False: False)
        with running(workspace, iris) as left:
            left.start(options())
    assert ask(left).status_code == 200
    with running(workspace, iris) as run:
        run.start(options())
        assert not runs.driver_for(run.row.target).holds(left.ref)
        assert IsolatedRun.objects.count() == 1


def test_sweep_removes_only_what_nobody_looks_after(workspace, iris, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(runs, "remove", lambda row, wait=False: False)
        with running(workspace, iris) as left:
            left.start(options())
    assert runs.sweep() == 0
    assert IsolatedRun.objects.count() == 1
    IsolatedRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    until = time.monotonic() + 20
    while runs.sweep() and time.monotonic() < until:
        time.sleep(0.1)
    assert not IsolatedRun.objects.exists()
    assert not left.driver.holds(left.ref)


def test_run_is_never_called_as_a_service_is(workspace):
    ref = runs.ref_of_run(7, workspace.slug, "profile-1")
    assert ref.service_id == ref.instance_id == 10**12 + 50_007
    assert replace(ref, instance_id=0) != ref
