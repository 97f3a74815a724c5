"""End to end on this machine: deploy, build, reconciliation, local driver and the real scoring server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

import httpx
import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from django.conf import settings

from deployments import targets
from deployments.config import configs
from deployments.control import reconcile
from deployments.models import Instance, Phase, Service
from deployments.services import deployment_log, keys, lifecycle, scoring_client, tokens
from deployments.targets.local import process
from deployments.targets.local.run_folder import RunFolder
from deployments.views import call_snippets
from registry.environments import environments
from studio.core.job_runner import run_job
from tests.deployments.service_factories import actions, build_of, instance_of, run_build
from tests.deployments.service_factories import deploy as deploy_version
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 40.0
REQUEST = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
GOOD = b"def init():\n    pass\n\ndef run(data):\n    return {'length': len(data)}\n"


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for lock in (settings.DATA_DIR / "services").rglob("lock"):
        process.kill(RunFolder(lock.parent.parent))


@pytest.fixture
def script(workspace, bob):
    """`script(source)` gives an inference config whose entry script is `source`."""

    def make(source: bytes, name: str = "script"):
        files = {"score.py": source}
        return configs.create(
            workspace=workspace,
            actor=bob,
            name=name,
            kind="entry_script",
            entry_script="score.py",
            files=files,
            environment=environments.curated(workspace),
        )

    return make


@pytest.fixture
def deploy(workspace, bob):
    """Deploy and build; reconciliation does the rest."""

    def make(version, name="iris", **more):
        more["deployment_config"] = {"cpu": 1, "processes": 1} | more.pop("deployment_config", {})
        service = deploy_version(workspace, bob, version, name=name, built=False, **more)
        for build in service.revisions.get(number=service.last_revision).builds.all():
            run_job("build", build.pk)
        return service

    return make


def beat(service, *phases, seconds=PATIENCE_SECONDS):
    """Tick as Celery beat does until the service is in one of `phases`; returns the seconds that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        reconcile.reconcile_due()
        service.refresh_from_db()
        if service.phase in phases:
            return time.monotonic() - begun
        time.sleep(0.2)
    seen = list(service.instances.values("revision__number", "desired", "serving", "phase", "observed"))
    pytest.fail(f"{service.phase} {service.cause} {seen}\n{deployment_log.service_log(service, 0)[0]}")


def beat_until(done, seconds=PATIENCE_SECONDS):
    """Tick until `done()`."""
    begun = time.monotonic()
    while not done():
        assert time.monotonic() - begun < seconds
        reconcile.reconcile_due()
        time.sleep(0.2)


def run_folder(service):
    """Of the instance of the wanted revision."""
    return RunFolder(settings.DATA_DIR / "services" / str(service.pk) / str(instance_of(service).pk))


def pid_of(service):
    """The server's, as the host numbers it."""
    return json.loads(run_folder(service).processes.read_bytes())["program"]


def failed(service):
    beat(service, Phase.FAILED)
    return service.cause


def call(service, body=REQUEST, slot="primary"):
    key = service.keys.get(slot=slot).value
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"http://127.0.0.1:{service.port}/score", json=body, headers=headers, trust_env=False)


def test_onnx_model_serves_within_a_minute(deploy, iris):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    answer = call(service)
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["data"] == [1, 2, 3, 4]
    assert httpx.post(f"http://127.0.0.1:{service.port}/score", json=REQUEST, trust_env=False).status_code == 401
    assert actions(service) == ["deployed", "build_succeeded", "revision_activated", "state_changed"]


def test_entry_script_serves_without_access_to_the_studio(deploy, script, workspace):
    source = b"""
import os, sys

def init():
    pass

def run(data):
    return {"variables": dict(os.environ), "modules": sorted(sys.modules), "path": sys.path}
"""
    service = deploy(make_version(workspace, files={"model.pkl": b"\x80\x04N."}), config=script(source))
    beat(service, Phase.HEALTHY)
    seen = call(service, {"data": []}).json()
    assert not {"django", "registry", "deployments", "studio"} & set(seen["modules"])
    assert str(settings.BASE_DIR) not in seen["path"]
    assert not [name for name in seen["variables"] if name.startswith(("SLIPWAY", "DJANGO", "DATABASE", "REDIS"))]


def test_killed_process_is_replaced_within_five_seconds(deploy, iris):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    pid = pid_of(service)
    time.sleep(1.1)  # at no special moment between two visits
    begun = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while True:
        reconcile.reconcile_due()
        try:
            if call(service).status_code == 200:
                break
        except httpx.HTTPError:
            assert time.monotonic() - begun < 5
        time.sleep(0.5)
    assert time.monotonic() - begun < 5
    beat(service, Phase.HEALTHY)
    assert pid_of(service) != pid


def test_process_is_adopted_by_another_worker(deploy, iris):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    before = pid_of(service)
    targets.forget_drivers()  # a new worker knows nothing
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    Instance.objects.update(observed={}, observed_generation=0, due_at=long_ago, phase=Phase.TRANSITIONING)
    Service.objects.update(due_at=long_ago, phase=Phase.TRANSITIONING)
    beat(service, Phase.HEALTHY)
    assert pid_of(service) == before
    parents = psutil.Process(before).parents()
    assert os.getpid() not in {parent.pid for parent in parents}


def test_service_with_a_missing_bundle_is_rebuilt_and_starts(deploy, iris, bob):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    lifecycle.stop(service, bob)
    beat(service, Phase.STOPPED)
    shutil.rmtree(settings.DATA_DIR / "bundles")
    lifecycle.start(service, bob)
    beat_until(lambda: build_of(service).state == "queued")
    assert run_build(service).state == "succeeded"
    beat(service, Phase.HEALTHY)
    assert call(service).status_code == 200


def test_stopped_service_starts_again_at_its_address(deploy, iris, bob):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    lifecycle.stop(service, bob)
    beat(service, Phase.STOPPED)
    with pytest.raises(httpx.ConnectError):
        call(service)
    lifecycle.start(service, bob)
    beat(service, Phase.HEALTHY)
    assert call(service).status_code == 200


def test_a_deleted_service_leaves_no_process_no_folder_and_no_row(deploy, iris, bob):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    pid, folder = pid_of(service), settings.DATA_DIR / "services" / str(service.pk)
    lifecycle.delete(service, bob)
    end = time.monotonic() + PATIENCE_SECONDS
    while Service.objects.exists() and time.monotonic() < end:
        reconcile.reconcile_due()
        time.sleep(0.2)
    assert not Service.objects.exists()
    assert not folder.exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_update_keeps_address_and_keys(deploy, script, workspace, iris):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    service = deploy(iris, config=script(GOOD), overwrite=True)
    beat(service, Phase.HEALTHY)
    assert call(service, {"a": 1}).json() == {"length": 7}


def test_a_new_key_replaces_the_old_one_without_a_restart(deploy, iris, bob):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    pid = pid_of(service)
    old = service.keys.get(slot="primary").value
    keys.regenerate_key(service, "primary", bob)
    end = time.monotonic() + PATIENCE_SECONDS
    while call(service).status_code != 200 and time.monotonic() < end:
        reconcile.reconcile_due()
        time.sleep(0.2)
    url = f"http://127.0.0.1:{service.port}/score"
    refused = httpx.post(url, json=REQUEST, headers={"Authorization": f"Bearer {old}"}, trust_env=False)
    assert refused.status_code in {401, 403}
    assert call(service, slot="secondary").status_code == 200
    service.refresh_from_db()
    assert pid_of(service) == pid


class TestFailureCause:
    def test_invalid_model_file_is_explained(self, deploy, workspace):
        cause = failed(deploy(make_version(workspace, files={"model.onnx": b"not a model at all"}, framework="onnx")))
        assert cause["code"] == "model_invalid"
        assert cause["hint"]

    def test_exception_in_init_is_explained(self, deploy, script, iris):
        source = b"def init():\n    raise KeyError('weights')\n\ndef run(data):\n    return 1\n"
        cause = failed(deploy(iris, config=script(source)))
        assert cause["code"] == "init_failed"
        assert "weights" in cause["evidence"]

    def test_missing_module_is_explained(self, deploy, script, iris):
        source = b"import importlib\nimportlib.import_module('no_such_module')\n" + GOOD
        cause = failed(deploy(iris, config=script(source)))
        assert cause["code"] == "import_missing"
        assert "no_such_module" in cause["message"] + cause["evidence"]

    def test_taken_port_is_explained(self, deploy, iris, monkeypatch):
        monkeypatch.setattr("deployments.control.restart_backoff.LOOP", 1)
        service = deploy(iris)
        with closing(socket.socket()) as squatter:
            squatter.bind(("127.0.0.1", service.port))
            squatter.listen()
            cause = failed(service)
        assert cause["code"] == "port_taken"
        assert str(service.port) in cause["message"]

    def test_out_of_memory_is_explained(self, deploy, script, iris, monkeypatch):
        monkeypatch.setattr("deployments.control.restart_backoff.LOOP", 1)
        source = b"def init():\n    global big\n    big = bytearray(1024 ** 3)\n\ndef run(data):\n    return 1\n"
        cause = failed(deploy(iris, config=script(source), deployment_config={"memory_gb": 0.3}))
        assert cause["code"] == "out_of_memory"

    def test_start_timeout_is_explained(self, deploy, script, iris):
        source = b"import time\n\ndef init():\n    time.sleep(600)\n\ndef run(data):\n    return 1\n"
        cause = failed(deploy(iris, config=script(source), deployment_config={"start_deadline_seconds": 3}))
        assert cause["code"] == "start_timeout"

    def test_crash_loop_is_explained(self, deploy, script, iris, monkeypatch):
        monkeypatch.setattr("deployments.control.restart_backoff.LOOP", 1)
        source = b"import os\n\ndef init():\n    os._exit(7)\n\ndef run(data):\n    return 1\n"
        cause = failed(deploy(iris, config=script(source)))
        assert cause["code"] == "worker_crashed"
        assert "exit code 7" in cause["message"] + cause["evidence"]


def test_failed_service_recovers_with_a_corrected_script(deploy, script, iris):
    service = deploy(iris, config=script(b"def init():\n    raise ValueError\n\ndef run(data):\n    return 1\n"))
    failed(service)
    service = deploy(iris, config=script(GOOD), overwrite=True)
    beat(service, Phase.HEALTHY)
    assert call(service, {"a": 1}).json() == {"length": 7}


def test_run_folder_has_the_service_and_telemetry_settings(deploy, iris):
    service = deploy(iris)
    beat(service, Phase.HEALTHY)
    run = json.loads(run_folder(service).run.read_bytes())
    assert run["service"] == "iris"
    assert run["telemetry"]["service"] == service.pk
    assert run["telemetry"]["token"] == service.telemetry_token


def test_displayed_grpc_example_runs_unchanged(deploy, iris):
    service = deploy(iris, deployment_config={"grpc": True})
    beat(service, Phase.HEALTHY)
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}
    code = call_snippets.score_grpc(f"127.0.0.1:{service.grpc_port}", "iris", [tensor], credential="key")
    key = service.keys.get(slot="primary").value
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"SERVICE_KEY": key}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "[[1. 2. 3. 4.]]" in ran.stdout


def test_model_serves_grpc_at_its_second_address(deploy, iris):
    service = deploy(iris, deployment_config={"grpc": True})
    beat(service, Phase.HEALTHY)
    sent = triton.InferInput("x", [1, 4], "FP32")
    sent.set_data_from_numpy(np.array([[1, 2, 3, 4]], np.float32))
    headers = {"authorization": f"Bearer {service.keys.get(slot='primary').value}"}
    with triton.InferenceServerClient(f"127.0.0.1:{service.grpc_port}") as client:
        answer = client.infer("iris", [sent], headers=headers)
    assert answer.as_numpy(answer.get_response().outputs[0].name).tolist() == [[1, 2, 3, 4]]


def test_service_with_tokens_accepts_them_until_they_are_revoked(deploy, iris, bob):
    service = deploy(iris, deployment_config={"token_auth": True, "grpc": True})
    beat(service, Phase.HEALTHY)

    def status(shown):
        headers = {"Authorization": f"Bearer {shown}"}
        return httpx.post(f"http://127.0.0.1:{service.port}/score", json=REQUEST, headers=headers, trust_env=False)

    token = tokens.issue(service, bob).access_token
    assert status(token).json()["outputs"][0]["data"] == [1, 2, 3, 4]
    assert call(service).status_code == 401  # with its primary key
    assert scoring_client.score(service, json.dumps(REQUEST).encode()).status == 200
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}
    code = call_snippets.score_grpc(f"127.0.0.1:{service.grpc_port}", "iris", [tensor], credential="token")
    shown = os.environ | {"SERVICE_TOKEN": token}
    ran = subprocess.run([sys.executable, "-c", code], env=shown, capture_output=True, text=True, check=False)
    assert "[[1. 2. 3. 4.]]" in ran.stdout, ran.stderr

    tokens.regenerate(service, bob)
    reconcile.reconcile(instance_of(service).pk)
    service.refresh_from_db()
    time.sleep(2)
    assert status(token).status_code == 401
    assert status(tokens.issue(service, bob).access_token).status_code == 200
    assert run_folder(service).keys.stat().st_mode & 0o007 == 0

    deploy(iris, overwrite=True)  # back to keys
    service.refresh_from_db()
    beat(service, Phase.HEALTHY)
    assert call(service).status_code == 200
    assert status(token).status_code == 401
