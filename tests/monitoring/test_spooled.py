"""Telemetry that instances which may connect to nobody leave at their target."""

import json
import os
import time
from dataclasses import replace

import pytest

from deployments.models import Instance
from deployments.targets import spooled as local_spool
from deployments.targets.kinds import kind_of, register
from monitoring.models import MetricWindow
from monitoring.telemetry import spooled
from tests.deployments.service_factories import deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import FakeDriver, unregister_fake

pytestmark = pytest.mark.django_db


def window(sequence=1, revision=1, **changes):
    facts = {"revision": revision, "replica": "1", "sequence": sequence, "start": time.time() - 5, "seconds": 5.0}
    return json.dumps(facts | {"counters": {"codes": {"200": 3}}} | changes).encode()


@pytest.fixture
def left(workspace, bob, monkeypatch):
    """`left(network, bodies)` deploys to a target that keeps these windows, and gives those that it has still."""
    target = make_fake_target(workspace, monkeypatch)

    def make(network, *bodies):
        waiting = list(bodies)

        def take(driver, ref, keep):
            taken = waiting[:2]
            if taken:
                keep(taken)
                del waiting[:2]
            return len(taken)

        monkeypatch.setattr(FakeDriver, "take_windows", take, raising=False)
        iris = make_version(workspace, "iris")
        target.visit(deploy(workspace, bob, iris, target=target.target, deployment_config={"network": network}), 2)
        return waiting

    yield make
    unregister_fake()


def test_windows_are_kept_and_forgotten_by_the_target(left):
    waiting = left("none", window(1), window(2), window(3))
    assert spooled.take_spooled() == 3
    assert waiting == []
    assert sorted(MetricWindow.objects.values_list("sequence", flat=True)) == [1, 2, 3]


def test_windows_that_an_instance_cannot_have_written_are_dropped(left):
    huge = window(4, counters={"codes": {"200": 2**60}})
    left("none", b"no json", b"\xff\xfe", window(1, revision=2), huge, window(5))
    assert spooled.take_spooled() == 1
    assert MetricWindow.objects.get().sequence == 5


def test_windows_that_cannot_be_stored_now_stay(left, monkeypatch):
    waiting = left("none", window(1))
    monkeypatch.setattr(spooled, "keep", lambda service, windows: 1 / 0)
    assert spooled.take_spooled() == 0
    assert len(waiting) == 1


def test_instances_that_send_their_telemetry_are_left_alone(left):
    waiting = left("full", window(1))
    assert spooled.take_spooled() == 0
    assert len(waiting) == 1
    assert Instance.objects.count() == 1


def test_targets_that_keep_all_telemetry_are_asked_whatever_the_network(left):
    waiting = left("full", window(1))
    register(replace(kind_of("fake"), keeps_windows=True))
    assert spooled.take_spooled() == 1
    assert waiting == []


class TestFolder:
    """What the local target finds in a folder that user code writes to."""

    def test_files_are_taken_in_order_and_at_most_so_many(self, tmp_path):
        for number in range(local_spool.MOST_WINDOWS + 3):
            (tmp_path / f"{number:016d}.json").write_bytes(b"%d" % number)
        taken = []
        assert local_spool.take_windows(tmp_path, taken.extend) == local_spool.MOST_WINDOWS
        assert taken[:3] == [b"0", b"1", b"2"]
        assert local_spool.take_windows(tmp_path, taken.extend) == 3
        assert list(tmp_path.iterdir()) == []

    def test_links_pipes_and_folders_are_not_read(self, tmp_path):
        secret, spool = tmp_path / "secret", tmp_path / "spool"
        spool.mkdir()
        secret.write_text("secret")
        (spool / f"{1:016d}.json").symlink_to(secret)
        os.mkfifo(spool / f"{2:016d}.json")
        (spool / f"{3:016d}.json").mkdir()
        (spool / "window.new").write_text("half")
        assert local_spool.take_windows(spool, pytest.fail) == 0
        assert secret.read_text() == "secret"
        assert sorted(path.name for path in spool.iterdir()) == [f"{3:016d}.json", "window.new"]

    def test_folder_that_is_a_link_or_not_there_holds_nothing(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / f"{1:016d}.json").write_text("{}")
        (tmp_path / "spool").symlink_to(tmp_path / "real")
        assert local_spool.take_windows(tmp_path / "spool", pytest.fail) == 0
        assert local_spool.take_windows(tmp_path / "nothing", pytest.fail) == 0
        assert (tmp_path / "real" / f"{1:016d}.json").exists()
