"""The driver of devices: what it publishes, and what it says of it."""

from dataclasses import replace

import pytest

from deployments.targets.base import NotBuilt, TargetRef
from deployments.targets.edge.published import part_path, target_folder
from deployments.targets.kinds import kind_of
from deployments.targets.observation import Observation
from tests.targets.edge_specs import pack
from tests.targets.specs import make_route, make_spec, next_of


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def make_driver(target=3, **settings):
    kind = kind_of("edge")
    return kind.make(TargetRef(target, "edge", kind.complete(settings)))


@pytest.fixture
def spec():
    made = make_spec()
    pack(made.bundle)
    pack("b" * 64)
    return made


@pytest.fixture
def up(spec):
    driver = make_driver()
    driver.apply(spec)
    driver.route(make_route(spec, 0))
    return driver


def wanted(target=3):
    return target_folder(target).wanted()


def test_published_instance_is_ready_and_wanted_of_devices(up, spec):
    found = up.observe(spec.ref)

    assert (found.state, found.serving, found.revision) == ("ready", True, 1)
    release = wanted()[7].release
    assert (release["port"], release["host"]) == (8001, "127.0.0.1")
    assert release["settings"]["service"] == "iris"
    assert "bundle" not in release["settings"]
    assert wanted()[7].keys == {"digests": list(spec.key_digests)}


def test_instance_is_not_wanted_until_it_is_routed_to(spec):
    driver = make_driver()
    driver.apply(spec)

    assert driver.observe(spec.ref).state == "ready"
    assert not driver.observe(spec.ref).serving
    assert wanted() == {}


def test_next_revision_takes_over_and_the_one_before_ends(up, spec):
    newer = next_of(spec)
    up.apply(newer)
    up.route(make_route(newer, 0))
    up.drain(spec.ref)
    up.stop(spec.ref)

    assert wanted()[7].revision == 2
    assert up.observe(newer.ref).serving
    assert up.observe(spec.ref) == Observation()


def test_new_keys_change_no_release(up, spec):
    before = wanted()[7]
    up.apply(replace(spec, key_digests=("d" * 64,)))

    assert wanted()[7].release == before.release
    assert wanted()[7].keys == {"digests": ["d" * 64]}
    assert up.observe(spec.ref).started_at == before.published_at


def test_services_get_ports_of_their_own_and_keep_them(up, spec):
    other = make_spec(instance_id=90, service_id=9)
    up.apply(other)
    up.route(make_route(other, 0))
    up.apply(spec)

    assert [wanted()[service].release["port"] for service in (7, 9)] == [8001, 8002]


def test_what_is_not_packed_is_named(spec):
    part_path("c" * 64).unlink()

    with pytest.raises(NotBuilt, match="packed for devices"):
        make_driver().apply(spec)


def test_instance_without_replicas_runs_on_no_device(up, spec):
    up.apply(replace(spec, replicas=0))

    assert wanted() == {}
    assert up.observe(spec.ref).ready(1) == 0


def test_removed_instance_leaves_nothing(up, spec):
    up.remove(spec.ref)

    assert not up.holds(spec.ref)
    assert wanted() == {}
    assert not list(target_folder(3).ports.iterdir())


def test_targets_are_separate(up, spec):
    other = make_driver(target=4)
    other.remove(spec.ref)

    assert other.observe(spec.ref) == Observation()
    assert up.observe(spec.ref).state == "ready"


def test_check_names_waves_that_are_none():
    assert make_driver(waves="label:canary, 25%").check() == []
    assert "'half' is no wave" in make_driver(waves="half").check()[0]
