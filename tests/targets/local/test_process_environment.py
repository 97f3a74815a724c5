"""Processes of local services: their session, variables, home folder and import path."""

import os
from dataclasses import replace
from pathlib import Path

import psutil

from tests.targets.contract import until
from tests.targets.local.local_drivers import STAND_IN, ask, folder_of, pid_of


def test_process_is_no_child_of_the_worker_and_leads_its_own_session(driver, spec):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    server = psutil.Process(pid_of(driver, spec.ref))
    assert os.getpid() not in {parent.pid for parent in server.parents()}
    assert os.getsid(server.pid) != os.getsid(0)


def test_process_gets_no_secrets_of_the_studio(driver, spec, monkeypatch):
    for name in (
        "DATABASE_URL",
        "SLIPWAY_SECRET_KEY",
        "REDIS_URL",
        "DJANGO_SETTINGS_MODULE",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.setenv(name, "secret")
    driver.apply(replace(spec, environment_variables={"THRESHOLD": "0.5"}))
    until(driver, spec.ref, "ready")
    found = ask(driver, spec)
    assert "secret" not in found["environment"].values()
    assert found["environment"]["THRESHOLD"] == "0.5"
    assert found["environment"]["HOME"] == str(folder_of(driver, spec).home)


def test_usage_reports_are_off_unless_a_variable_turns_them_on(driver, spec):
    driver.apply(replace(spec, environment_variables={"MLFLOW_DISABLE_TELEMETRY": "false"}))
    until(driver, spec.ref, "ready")
    environment = ask(driver, spec)["environment"]
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_device_id_left_in_the_home_folder_is_removed(driver, spec, tmp_path):
    home = folder_of(driver, spec).home
    (home / ".cache/Microsoft/DeveloperTools/.onnxruntime").mkdir(parents=True)
    (home / ".cache/Microsoft/DeveloperTools/.onnxruntime/deviceid").write_text("0")
    (home / ".cache/kept").write_text("")
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["kept"]


def test_links_out_of_the_home_folder_are_not_followed(driver, spec, tmp_path):
    elsewhere = tmp_path / "elsewhere/Microsoft/DeveloperTools/.onnxruntime"
    elsewhere.mkdir(parents=True)
    home = folder_of(driver, spec).home
    home.mkdir(parents=True)
    (home / ".cache").symlink_to(tmp_path / "elsewhere")
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    assert elsewhere.is_dir()


def test_process_can_import_the_scoring_package_only(driver, spec):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    assert str(STAND_IN) in ask(driver, spec)["path"]
    assert str(Path.cwd()) not in ask(driver, spec)["path"]
