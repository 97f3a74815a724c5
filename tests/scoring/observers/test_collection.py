"""Sampled requests and answers lie in files, whole and once, and collecting them costs nobody an answer."""

import contextlib
import json
import resource
import time

import pytest

from tests.scoring.conftest import double_model

GOOD = {"data": [[1, 2, 3, 4]]}
COLLECTING = """
from scoring.core import collecting
def init(): pass
def run(data):
    collecting.collect({"designation": "inputs", "model": "m", "version": "1", "collection": "c",
                        "columns": ["a"], "rows": [[len(data)]], "correlation": None,
                        "time": "2026-11-21T09:00:00Z", "request": collecting.request_id(),
                        **({"huge": 2**80} if "huge" in data else {})})
    return "ok"
"""
NUMBERS = """
import json
import numpy as np
from azureml.monitoring import ModelDataCollector
def init():
    global collector
    collector = ModelDataCollector("m", "signals")
def run(data):
    collector.collect(eval(data))
    return "ok"
"""
ECHO = "def init(): pass\ndef run(data): return data"


def complete(replica):
    return sorted((replica.folder / "collected").glob("*.jsonl"))


def rows(replica):
    return [json.loads(line) for file in complete(replica) for line in file.read_text().splitlines()]


def open_rows(replica):
    found = (replica.folder / "collected").glob("*.part")
    return [json.loads(line) for file in found for line in file.read_text().splitlines()]


def held(replica):
    """Bytes of all files; they come and go while one looks."""
    total = 0
    for file in (replica.folder / "collected").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def counted(replica, name):
    lines = replica.client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def dropped(replica):
    return counted(replica, "slipway_collection_dropped_rows_total")


def test_row_has_inputs_predictions_and_model(replica):
    replica.with_models(double=double_model).start(collect={})
    before = time.time()
    replica.score('{\n  "data":\r\n [[1, 2, 3, 4]]}', headers={"x-request-id": "one"})
    replica.stop()
    (row,) = rows(replica)
    moment = row.pop("time")
    assert row == {
        "id": "one", "revision": 3, "model": "double", "version": 1, "address": "/score",
        "inputs": {"data": [[1, 2, 3, 4]]}, "predictions": {"data": [[2.0, 4.0, 6.0, 8.0]]},
    }  # fmt: skip
    assert time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before)) in moment
    assert [file.read_text().count("\n") for file in complete(replica)] == [1], "a row is a line"


def test_nothing_is_collected_by_default(replica):
    replica.with_models(double=double_model).start()
    replica.score(GOOD)
    replica.stop()
    assert not (replica.folder / "collected").exists()


def test_errors_are_not_collected(replica):
    replica.with_models(double=double_model).start(collect={})
    replica.score("nonsense")
    replica.score(GOOD, headers={"Authorization": "Bearer wrong"})
    replica.stop()
    assert rows(replica) == []


@pytest.mark.parametrize(("wanted", "there"), [("inputs", "predictions"), ("predictions", "inputs")])
def test_inputs_or_predictions_can_be_left_out(replica, wanted, there):
    replica.with_models(double=double_model).start(collect={wanted: False})
    replica.score(GOOD)
    replica.stop()
    (row,) = rows(replica)
    assert there in row
    assert wanted not in row


def test_fraction_samples_requests(replica):
    replica.with_models(double=double_model).start(collect={"fraction": 0.25})
    for _ in range(400):
        replica.score(GOOD)
    replica.stop()
    assert 50 < len(rows(replica)) < 160
    assert len({row["id"] for row in rows(replica)}) == len(rows(replica))


def test_bodies_other_than_json_are_kept_unchanged(replica):
    replica.with_script(ECHO).start(collect={})
    replica.score("plain text", headers={"content-type": "text/csv", "x-request-id": "text"})
    replica.score('{"n": 123456789012345678901234567890, "m": NaN}', headers={"x-request-id": "odd"})
    replica.score('{"exact": 1.10}', headers={"x-request-id": "exact"})
    replica.client.get("/score", params={"a": "1"}, headers={"x-request-id": "get"})
    replica.stop()
    found = {row["id"]: row for row in rows(replica)}
    assert (found["text"]["inputs_text"], found["text"]["inputs_headers"]) == (
        "plain text",
        {"content-type": "text/csv"},
    )
    assert found["odd"]["inputs_text"] == '{"n": 123456789012345678901234567890, "m": NaN}'
    assert found["get"]["inputs"] == {"a": "1"}
    assert '"inputs":{"exact": 1.10}' in "".join(file.read_text() for file in complete(replica)), "numbers stay exact"


def test_rows_collected_by_a_script_are_in_the_same_files(replica):
    replica.with_script(COLLECTING).start(collect={"fraction": 0})
    assert replica.score("four", headers={"x-request-id": "one"}).json() == "ok"
    assert replica.score("huge", headers={"x-request-id": "two"}).json() == "ok"
    assert dropped(replica) == 1, "a value that JSON cannot carry loses its row, not the request"
    replica.stop()
    (row,) = rows(replica)
    assert (row["id"], row["time"], row["revision"]) == ("one", "2026-11-21T09:00:00Z", 3)
    assert (row["script"]["designation"], row["script"]["rows"]) == ("inputs", [[4]])


def test_numpy_numbers_collected_by_a_script_stay_numbers(replica):
    replica.with_script(NUMBERS).start(collect={"fraction": 0})
    for data in (
        "[np.float64(0.5), np.int64(2), np.float32(0.25), np.bool_(True)]",
        "list(np.array([0.5, np.nan]))",
        "list(np.arange(6.0).reshape(3, 2))",
        "[np.arange(2000)]",
        "[[7, np.arange(6).reshape(2, 3)[:, ::2], np.array(['a', 'b'])]]",
        "[[np.array(1.5), np.complex128(2), np.longdouble(3)]]",
    ):
        assert replica.score(data).json() == "ok"
    replica.stop()
    assert [row["script"]["rows"] for row in rows(replica)] == [
        [[0.5, 2, 0.25, True]],
        [[0.5, None]],
        [[0, 1], [2, 3], [4, 5]],
        [list(range(2000))],
        [[7, [[0, 2], [3, 5]], ["a", "b"]]],
        [[1.5, "(2+0j)", "3.0"]],
    ]


def test_files_are_completed_after_the_configured_seconds(replica):
    replica.with_models(double=double_model).start(collect={"seconds": 0.3})
    replica.score(GOOD)
    replica.until(lambda: len(rows(replica)) == 1)
    assert open_rows(replica) == []
    replica.score(GOOD)
    replica.until(lambda: len(rows(replica)) == 2)
    assert len(complete(replica)) == 2


def test_oldest_files_are_deleted_beyond_the_byte_limit(replica):
    replica.with_script(ECHO).start(collect={"max_bytes": 400_000}, processes=2)
    for number in range(60):
        body = json.dumps({"number": number, "weight": "x" * 8000})
        replica.client.post("/score", content=body, headers={"connection": "close"})
        assert held(replica) <= 400_000
    replica.stop()
    assert 0 < sum(file.stat().st_size for file in complete(replica)) <= 400_000
    numbers = [row["inputs"]["number"] for row in rows(replica)]
    assert 59 in numbers
    assert 10 < len(numbers) < 60, "the first ones had to go"
    assert len(numbers) == len(set(numbers))


def test_row_larger_than_a_file_is_dropped_and_counted(replica):
    replica.with_script(ECHO).start(collect={"max_bytes": 40_000})
    assert replica.score(json.dumps("x" * 50_000)).status_code == 200
    replica.until(lambda: dropped(replica) == 1)
    assert replica.score('"small"').status_code == 200
    replica.until(lambda: counted(replica, "slipway_collected_rows_total") == 1)


def test_killed_worker_loses_no_written_row(replica):
    replica.with_models(double=double_model).start(collect={})
    for number in range(20):
        replica.score(GOOD, headers={"x-request-id": f"id{number}"})
    replica.until(lambda: len(open_rows(replica)) == 20)
    (part,) = (replica.folder / "collected").glob("*.part")
    with part.open("a") as file:
        file.write('{"id": "cut in the mid')
    (worker,) = replica.workers()
    worker.kill()
    replica.until(lambda: len(rows(replica)) == 20)
    replica.until(lambda: replica.status().get("restarts") == 1 and replica.client.get("/").status_code == 200)
    replica.score(GOOD, headers={"x-request-id": "later"})
    replica.stop()
    assert [row["id"] for row in rows(replica)] == [*(f"id{number}" for number in range(20)), "later"]


def test_files_of_former_workers_are_completed(replica):
    folder = replica.folder / "collected"
    folder.mkdir()
    (folder / "open-7.part").write_text('{"id": "left"}\n')
    (folder / "open-0.part").write_text("")
    replica.with_models(double=double_model).start(collect={})
    replica.until(lambda: [row["id"] for row in rows(replica)] == ["left"])
    replica.until(lambda: not list(folder.glob("*.part")))


def test_full_disk_drops_rows_but_fails_no_request(replica):
    replica.with_models(double=double_model).start(collect={})
    replica.score(GOOD, headers={"x-request-id": "before"})
    replica.until(lambda: len(open_rows(replica)) == 1)
    (worker,) = replica.workers()
    (part,) = (replica.folder / "collected").glob("*.part")
    worker.rlimit(resource.RLIMIT_FSIZE, (part.stat().st_size + 30, resource.RLIM_INFINITY))
    for _ in range(10):
        assert replica.score(GOOD).status_code == 200
    replica.until(lambda: dropped(replica) == 10)
    assert len(open_rows(replica)) == 1, "no broken row is left behind"
    worker.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    replica.score(GOOD, headers={"x-request-id": "after"})
    replica.stop()
    assert [row["id"] for row in rows(replica)] == ["before", "after"]


def test_unwritable_folder_does_not_stop_the_service(replica):
    (replica.folder / "collected").write_text("a file, where a folder should be")
    replica.with_models(double=double_model).start(collect={})
    assert replica.score(GOOD).status_code == 200
    replica.until(lambda: dropped(replica) == 1)
    assert "collected data cannot be written" in replica.log()


def test_queue_of_rows_is_bounded(replica):
    replica.with_script(ECHO).start(collect={"max_bytes": 2**30})
    (worker,) = replica.workers()
    body = json.dumps("x" * 3_000_000)
    for _ in range(30):
        assert replica.score(body).status_code == 200
    replica.until(lambda: counted(replica, "slipway_collected_rows_total") + dropped(replica) == 30)
    assert worker.memory_info().rss < 400 * 2**20
