"""Telemetry in trouble: a full disk, files that vanish, windows that cannot be read, a log that cannot be moved."""

import json
import resource
import time

import psutil
import pytest

from scoring.contract import Telemetry, Window
from scoring.core.logfile import trim
from scoring.counters.push import Pusher
from scoring.counters.spool import Spool
from tests.scoring.conftest import free_port
from tests.scoring.telemetry_studio import GOOD, spooled, start


def test_full_disk_loses_neither_requests_nor_windows(replica, open_studio):
    port = free_port()
    studio = open_studio(port)
    start(replica, port)
    master = psutil.Process(replica.process.pid)
    master.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    first, second = replica.workers()
    first.kill()
    replica.until(lambda: len(replica.workers()) == 2 and first not in replica.workers())
    for _ in range(20):
        assert replica.score(GOOD).status_code == 200
    time.sleep(1.0)
    assert studio.codes() == {}
    assert "restarts" not in replica.status()  # zero is left out

    master.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    replica.until(lambda: studio.codes() == {"200": 20})
    replica.until(lambda: replica.status().get("restarts") == 1)
    assert second in replica.workers()
    assert replica.stop() == 0


def test_window_deleted_while_reading_is_skipped(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    spool.add(a_window(1))
    monkeypatch.setattr(spool, "_names", lambda: ["0000000000000000.json", "0000000000000001.json"])
    assert [each.sequence for each in spool.oldest(10)] == [1]


def test_window_that_an_older_server_spooled_keeps_its_figures(tmp_path):
    old = b'{"revision":1,"replica":"1","sequence":5,"start":1.0,"seconds":5.0,"codes":{"200":3}}'
    spool = Spool(tmp_path)
    (tmp_path / f"{5:016d}.json").write_bytes(old)
    assert [(window.sequence, bytes(window.body)) for window in spool.oldest(10)] == [(5, old)]


def test_unreadable_window_is_dropped_alone(replica, open_studio):
    port = free_port()
    start(replica, port)
    for _ in range(10):
        replica.score(GOOD)
    replica.until(lambda: len(spooled(replica)) > 20)
    sequences = sorted(int(path.stem) for path in spooled(replica))
    bad = next(number for number in sequences if "counters" not in json.loads(window_file(replica, number).read_text()))
    studio = open_studio(port)
    studio.unreadable.add(bad)
    replica.until(lambda: not window_file(replica, sequences[-1]).exists())
    assert set(sequences) - {window["sequence"] for window in studio.windows} == {bad}
    assert studio.codes() == {"200": 10}


def window_file(replica, sequence):
    return replica.folder / "spool" / f"{sequence:016d}.json"


def test_push_thread_survives_an_unexpected_exception(tmp_path, open_studio, monkeypatch):
    port = free_port()
    studio = open_studio(port)
    spool, failures = Spool(tmp_path), [OSError(5, "Input/output error"), ValueError("odd")]
    oldest = spool.oldest
    monkeypatch.setattr(spool, "oldest", lambda most: _raise(failures.pop()) if failures else oldest(most))
    pusher = Pusher(spool, Telemetry(url=f"http://127.0.0.1:{port}/", token="t", service=5, seconds=0.1))
    pusher.start()
    for sequence in range(1, 4):
        spool.add(a_window(sequence))
        pusher.wake()
        time.sleep(0.3)
    pusher.flush(5)
    assert [window["sequence"] for window in studio.windows] == [1, 2, 3]


def _raise(error):
    raise error


def a_window(sequence):
    return Window(revision=1, replica="a", sequence=sequence, start=0.0, seconds=5.0)


def test_log_that_cannot_be_rotated_is_left_intact(tmp_path, monkeypatch):
    (tmp_path / "server.log").write_bytes(b"line\n" * 10)

    def half(_, target):
        target.write_bytes(b"line\n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", half)
    with pytest.raises(OSError, match="No space"):
        trim(tmp_path, most=20)
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]
    assert (tmp_path / "server.log").read_bytes() == b"line\n" * 10
