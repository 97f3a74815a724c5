"""What somebody does to a container by hand, and what goes wrong by itself, is noticed and mended."""

import os
import socket
import time
from dataclasses import replace

import msgspec
import pytest

from deployments.engines import parse_address
from deployments.targets.base import NoRoom, NotBuilt, TargetUnavailable
from deployments.targets.docker import starting
from deployments.targets.docker.places import Launch
from deployments.targets.docker.target_settings import DockerSettings, read_settings
from deployments.targets.untrusted_files import read_struct
from tests.targets.contract import until, wait_for
from tests.targets.docker.containers import ask, behaving, container_of, docker_driver, stand_in_image


@pytest.fixture
def ready(driver, spec):
    """It runs."""
    driver.apply(spec)
    return until(driver, spec.ref, "ready")


def mended(driver, spec, before):
    """Ready again, and another run than `before`."""
    return wait_for(
        driver,
        spec.ref,
        lambda found: found.state == "ready" and found.started_at > before.started_at,
        lambda: driver.apply(spec),
    )


def test_stopped_container_is_started_anew(driver, spec, ready, docker_engine):
    docker_engine.stop(container_of(docker_engine, spec))
    assert until(driver, spec.ref, "dead").failure.message == "The container ended with exit code 0."
    assert mended(driver, spec, ready).restarts == 1


def test_removed_container_is_made_anew(driver, spec, ready, docker_engine):
    docker_engine.remove_container(container_of(docker_engine, spec), force=True)
    assert "somebody has removed it" in until(driver, spec.ref, "dead").failure.message
    assert mended(driver, spec, ready).restarts == 1


def test_paused_container_goes_on(driver, spec, ready, docker_engine):
    docker_engine.pause(container_of(docker_engine, spec))
    until(driver, spec.ref, "unreachable")
    assert until(driver, spec.ref, "ready", lambda: driver.apply(spec)).started_at == ready.started_at


def test_renamed_container_stays(driver, spec, ready, docker_engine):
    docker_engine.rename(container_of(docker_engine, spec), f"renamed-{spec.ref.instance_id}")
    driver.apply(spec)
    assert driver.observe(spec.ref).started_at == ready.started_at


@pytest.mark.parametrize("change", ["memory", "network"])
def test_changed_container_is_replaced(driver, spec, ready, docker_engine, change):
    container = container_of(docker_engine, spec)
    if change == "memory":
        docker_engine.update_container(container, mem_limit=64 * 1024 * 1024, memswap_limit=128 * 1024 * 1024)
    else:
        docker_engine.update_container(container, restart_policy={"Name": "always"})
    mended(driver, spec, ready)
    host = docker_engine.inspect_container(container_of(docker_engine, spec))["HostConfig"]
    assert (host["Memory"], host["RestartPolicy"]["Name"]) == (spec.memory_bytes, "no")
    assert "somebody changed the container" in driver.logs(spec.ref)[0]


def test_new_keys_reach_a_running_container(driver, make_copying, spec):
    for one in (driver, make_copying()):
        one.apply(spec)
        until(one, spec.ref, "ready")
        one.apply(replace(spec, key_digests=("b" * 64,)))
        assert ask(one, spec)["keys"] == ["b" * 64]


def test_container_killed_for_memory_says_so(driver, spec):
    driver.apply(behaving(spec, "hungry"))
    dead = until(driver, spec.ref, "dead")
    assert dead.failure.reason == "out_of_memory"
    assert "used all of its memory" in dead.failure.message


@pytest.mark.parametrize(("behaviour", "told"), [("exits", "exit code 7"), ("segv", "SIGSEGV")])
def test_end_of_the_server_is_told(driver, spec, behaviour, told):
    driver.apply(behaving(spec, behaviour))
    dead = until(driver, spec.ref, "dead")
    assert told in dead.failure.message
    assert "the stand-in begins" in dead.failure.evidence


def test_server_that_gives_up_says_why(driver, make_copying, spec):
    for one in (driver, make_copying()):
        failing = behaving(spec, "failing")
        one.apply(failing)
        assert until(one, spec.ref, "failed").failure.reason == "init_failed"


def test_server_that_ignores_sigterm_is_killed(driver, spec, monkeypatch):
    monkeypatch.setattr("deployments.targets.docker.ends.STOP_SECONDS", 0.3)
    driver.apply(behaving(spec, "stubborn"))
    until(driver, spec.ref, "ready")
    driver.stop(spec.ref)
    assert driver.observe(spec.ref).state == "stopping"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))


def test_missing_image_is_not_built(driver, spec):
    for image, told in (("", "no image yet"), (f"sha256:{'0' * 64}", "no longer at the engine")):
        with pytest.raises(NotBuilt, match=told):
            driver.apply(replace(spec, image=image))
        assert driver.observe(spec.ref).state == "absent"


def test_image_without_an_interpreter_says_so(driver, spec, docker_engine, base_image, own_label):
    broken = stand_in_image(docker_engine, base_image, own_label, entrypoint="/no/python")
    driver.apply(replace(spec, image=broken))
    dead = until(driver, spec.ref, "dead")
    assert (dead.failure.reason, "no interpreter" in dead.failure.message) == ("internal", True)
    assert "/no/python" in dead.failure.evidence


def test_image_without_a_shell_serves(driver, spec, docker_engine, base_image, own_label):
    hidden = {"bin/.wh.sh": b"", "bin/.wh.dash": b"", "usr/bin/.wh.sh": b"", "usr/bin/.wh.dash": b""}
    shell_less = stand_in_image(docker_engine, base_image, own_label, **hidden)
    driver.apply(replace(spec, image=shell_less))
    until(driver, spec.ref, "ready")
    begun = docker_engine.exec_create(container_of(docker_engine, spec), ["/bin/sh", "-c", "true"])
    assert b"no such file" in docker_engine.exec_start(begun["Id"])


def test_port_in_use_is_named(make_copying, spec, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def taken(*arguments):
            config = real(*arguments)
            config["HostConfig"]["PortBindings"]["5001/tcp"][0]["HostPort"] = str(port)
            return config

        real = starting.container_config
        monkeypatch.setattr(starting, "container_config", taken)
        driver = make_copying()
        driver.apply(spec)
        failed = until(driver, spec.ref, "failed")
    assert failed.failure.reason == "port_taken"
    monkeypatch.setattr(starting, "container_config", real)
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))


def test_engine_that_does_not_run_is_unavailable(tmp_path, spec):
    away = docker_driver(tmp_path, "0" * 12, settings=DockerSettings(parse_address(f"unix://{tmp_path}/none.sock")))
    [problem] = away.check()
    assert "There is no engine socket" in problem
    for ask_for in (lambda: away.observe(spec.ref), lambda: away.apply(spec), lambda: away.stop(spec.ref)):
        with pytest.raises(TargetUnavailable, match="There is no engine socket"):
            ask_for()


@pytest.mark.parametrize(
    ("changes", "missing"), [({"memory_bytes": 1 << 60}, "GB of memory"), ({"cpus": 100000.0}, "100000 CPU cores")]
)
def test_specification_beyond_the_engines_capacity_has_no_room(driver, spec, changes, missing):
    with pytest.raises(NoRoom, match=missing):
        driver.apply(replace(spec, **changes))
    assert driver.observe(spec.ref).state == "absent"


def test_start_that_was_killed_before_the_container_is_not_counted(driver, spec):
    """Noted, and the worker died: nothing has run yet."""
    driver.apply(spec)
    folder = driver._places.replica(spec.ref, 1)
    launch = read_struct(folder.launch, Launch)
    driver._client().remove_container(launch.container, force=True)
    launch.container = ""
    folder.launch.write_bytes(msgspec.json.encode(launch))
    assert until(driver, spec.ref, "ready", lambda: driver.apply(spec)).restarts == 0


def test_container_that_was_made_and_not_started_is_made_anew(driver, spec, docker_engine, monkeypatch):
    monkeypatch.setattr(type(docker_engine), "start", lambda *_: None)  # as after kill -9 right before it
    driver.apply(spec)
    assert driver.observe(spec.ref).state == "absent"
    monkeypatch.undo()
    assert until(driver, spec.ref, "ready", lambda: driver.apply(spec)).restarts == 0


def test_log_is_kept_over_containers(driver, spec, ready, docker_engine):
    docker_engine.kill(container_of(docker_engine, spec))
    until(driver, spec.ref, "dead")
    mended(driver, spec, ready)
    text = wait_for_text(driver, spec, "the stand-in begins", 2)
    assert text.count("revision 1 starts in a container") == 2


def wait_for_text(driver, spec, words, times):
    end = time.monotonic() + 10
    while (text := driver.logs(spec.ref)[0]).count(words) < times and time.monotonic() < end:
        time.sleep(0.1)
    assert text.count(words) == times
    return text


def test_facts_say_what_holds(driver, make_copying):
    version, hardening, network = driver.facts()
    assert version.startswith("Docker 2")
    assert "user 65532" in hardening
    assert "no network at all" in network
    assert "published at 127.0.0.1" in make_copying().facts()[2]


def test_settings_name_what_is_wrong_with_them():
    found = read_settings({"host": "tcp://box:2376", "ca": "PEM", "gpus": " all "})
    assert (found.mounts, found.address, found.gpus) == (False, "box", "all")
    assert read_settings({}).mounts
    assert os.path.basename(read_settings({}).engine.socket) == "docker.sock"


def test_engine_that_hangs_is_asked_once_in_a_while(tmp_path, spec):
    """Or it would keep the instances of other targets waiting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = replace(parse_address(f"tcp://127.0.0.1:{silent.getsockname()[1]}"), seconds=0.5)
        driver = docker_driver(tmp_path, "0" * 12, settings=DockerSettings(engine, mounts=False))
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(TargetUnavailable, match="does not answer in time"):
                driver.observe(spec.ref)
            took.append(time.monotonic() - began)
    assert took[0] > 0.4
    assert max(took[1:]) < 0.1


def test_update_of_the_studio_leaves_what_runs_alone(driver, spec, ready, docker_engine, base_image, own_label):
    """Its images are others then, and not built yet."""
    newer = replace(spec, image=stand_in_image(docker_engine, base_image, own_label, **{"opt/release": b"2"}))
    for updated in (replace(spec, image=""), newer):
        driver.apply(updated)
        assert driver.observe(spec.ref).started_at == ready.started_at
    docker_engine.kill(container_of(docker_engine, spec))
    until(driver, spec.ref, "dead")
    mended(driver, replace(spec, image=""), ready)
    docker_engine.kill(container_of(docker_engine, spec))
    until(driver, spec.ref, "ready", lambda: driver.apply(newer), restarts=2)
    assert docker_engine.inspect_container(container_of(docker_engine, spec))["Image"] == newer.image
