"""What a container may do, as the engine tells it and as the code inside finds it."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.targets.docker.container import drift
from tests.targets.contract import gone, served, until
from tests.targets.docker.containers import ask, container_of

MEMORY = 128 * 1024 * 1024


def inspected(engine, spec):
    return engine.inspect_container(container_of(engine, spec))


def test_inspect_shows_every_hardening(driver, spec, docker_engine):
    driver.apply(replace(spec, cpus=0.5))
    found = inspected(docker_engine, spec)
    host, config = found["HostConfig"], found["Config"]
    assert config["User"] == "65532:65532"
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    assert (host["ReadonlyRootfs"], host["Privileged"], host["Init"]) == (True, False, True)
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (MEMORY, MEMORY, 500_000_000)
    assert host["PidsLimit"] > 0
    assert host["NetworkMode"] == "none"
    assert (host["IpcMode"], host["PidMode"]) == ("private", "")
    assert host["ShmSize"] >= 64 * 1024 * 1024
    assert {"noexec", "nosuid", "nodev"} <= set(host["Tmpfs"]["/tmp"].split(","))
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["LogConfig"]["Config"] == {"max-size": "8m", "max-file": "2"}
    assert [
        (mount["Destination"], mount["RW"]) for mount in sorted(found["Mounts"], key=lambda one: one["Destination"])
    ] == [
        ("/run/slipway/control", False),
        ("/run/slipway/work", True),
    ]


def test_labels_name_all_that_it_belongs_to(driver, spec, docker_engine, studio):
    driver.apply(spec)
    labels = inspected(docker_engine, spec)["Config"]["Labels"]
    told = {name.removeprefix("slipway."): value for name, value in labels.items() if name.startswith("slipway.")}
    assert told["studio"] == studio
    assert (told["workspace"], told["service"], told["revision"], told["replica"]) == ("vision", "iris", "1", "1")
    assert (told["recipe"], told["generation"], told["service_id"]) == (spec.recipe, "1", "7")


@pytest.mark.parametrize("copies", [False, True])
def test_no_secret_is_seen_from_outside(driver, spec, docker_engine, make_copying, copies):
    driver = make_copying() if copies else driver
    secret = replace(spec, environment_variables={"PASSWORD": "hunter2"}, token_secret="t" * 40, front_digest="f" * 64)
    driver.apply(secret)
    until(driver, spec.ref, "ready")
    shown = json.dumps(inspected(docker_engine, spec))
    for value in ("hunter2", "PASSWORD", "t" * 40, "f" * 64, spec.key_digests[0]):
        assert value not in shown
    assert ask(driver, spec)["environment"]["PASSWORD"] == "hunter2"


def test_code_inside_has_no_rights(driver, spec):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    found = ask(driver, spec)
    assert found["uid"] == 65532
    assert int(found["capabilities"], 16) == 0
    assert found["no_new_privileges"] == "1"
    assert found["writable"] == ["/tmp", "/run/slipway/work"]


def test_code_inside_reads_nothing_of_the_studio(driver, spec, tmp_path):
    database = tmp_path / "db.sqlite3"
    database.write_text("secret")
    looked_for = f"{database},{tmp_path},/var/run/docker.sock,{Path.cwd()}/manage.py"
    driver.apply(replace(spec, environment_variables={"LOOK_FOR": looked_for}))
    until(driver, spec.ref, "ready")
    assert ask(driver, spec)["files"] == []


@pytest.fixture
def everywhere():
    """A listener on all addresses of this machine, as a database may be; gives its port."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        yield listener.getsockname()[1]


def test_without_a_network_nothing_is_reached(driver, spec, everywhere):
    address = f"{own_address()}:{everywhere}"
    driver.apply(replace(spec, environment_variables={"TRY": address}))
    until(driver, spec.ref, "ready")
    found = ask(driver, spec)
    assert (found["reached"], found["interfaces"]) == (False, ["lo"])


def test_network_full_reaches_others_and_has_no_published_port(driver, spec, everywhere, docker_engine):
    full = replace(spec, network="full", environment_variables={"TRY": f"{own_address()}:{everywhere}"})
    driver.apply(full)
    until(driver, spec.ref, "ready")
    assert ask(driver, spec)["reached"] is True
    assert not inspected(docker_engine, spec)["NetworkSettings"]["Ports"]


def test_closed_bridge_translates_no_addresses_and_keeps_containers_apart(make_copying, spec, docker_engine, route):
    driver = make_copying()
    served(driver, spec, route)
    name = inspected(docker_engine, spec)["HostConfig"]["NetworkMode"]
    [network] = docker_engine.networks(names=[name])
    options = {key.rpartition(".")[2]: value for key, value in network["Options"].items()}
    assert options == {"enable_ip_masquerade": "false", "enable_icc": "false"}
    ports = inspected(docker_engine, spec)["NetworkSettings"]["Ports"]
    assert [one["HostIp"] for bindings in ports.values() for one in bindings] == ["127.0.0.1"]
    gone(driver, spec.ref)
    assert docker_engine.networks(names=[name]) == []


def test_nothing_is_left_of_a_removed_instance(make_copying, spec, docker_engine, studio, route):
    driver, chosen = make_copying(), {"label": [f"slipway.studio={studio}"]}
    served(driver, replace(spec, replicas=2), route)
    assert len(docker_engine.volumes(filters=chosen)["Volumes"]) == 2
    gone(driver, spec.ref)
    assert docker_engine.containers(all=True, filters=chosen) == []
    assert not docker_engine.volumes(filters=chosen)["Volumes"]
    assert docker_engine.networks(filters=chosen) == []


def test_drift_is_told_by_name():
    host = {"Memory": 1, "NanoCpus": 2, "PidsLimit": 3, "ReadonlyRootfs": True, "NetworkMode": "none"}
    wanted = {"HostConfig": host | {"Privileged": False}}
    found = {"HostConfig": host | {"Memory": 5, "Privileged": None, "RestartPolicy": {"Name": "always"}}}
    found["NetworkSettings"] = {"Networks": {"none": {}, "bridge": {}}}
    assert drift(wanted, found) == ["Memory", "RestartPolicy", "Networks"]


def own_address() -> str:
    """Of this machine, as its containers see it by their default bridge."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
