"""Windows arrive once, whatever happens to the studio, and add up to what was scored."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.contract import BUCKETS, KEYS, bucket_of, upper_bound
from scoring.core.request import Request
from scoring.core.settings import load_replica
from scoring.core.timings import Timings
from scoring.counters.prometheus import exposition
from scoring.counters.telemetry import CPU_MILLISECONDS, REGION, Counters, by_rows, create, runs_by_rows
from scoring.counters.windows import WindowCutter
from scoring.queue.call import Call
from tests.scoring.conftest import SECOND_KEY, double_model, free_port
from tests.scoring.telemetry_studio import GOOD, spooled, start

SLOW = """
import json, time
def init(): pass
def run(data): time.sleep(json.loads(data).get("wait", 0))
"""


def test_windows_add_up_to_what_was_scored(replica, open_studio):
    port = free_port()
    studio = open_studio(port)
    start(replica, port)
    for _ in range(30):
        replica.score(GOOD)
    replica.score("nonsense")
    replica.score(GOOD, headers={"Authorization": "Bearer wrong"})
    replica.client.get("/")
    replica.until(lambda: studio.codes() == {"200": 30, "400": 1, "401": 1})
    assert studio.tokens == {"Bearer t"}
    busy = [window for window in studio.windows if "counters" in window]
    assert sum(sum(window["histograms"]["latency"].values()) for window in busy) == 32
    assert sum(sum(window["histograms"]["queue"].values()) for window in busy) == 32
    assert all(window["revision"] == 3 and window["replica"] == "1" for window in studio.windows)
    assert all(window["gauges"]["memory"] > 10 * 2**20 for window in studio.windows)
    assert any(window["gauges"]["cpu"] > 0 for window in studio.windows)
    assert sum(window["seconds"] for window in studio.windows) > 0.2


NOTING = """
import json
from azureml.core import Run

def init():
    Run.get_context().log("outside of a request", 1)

def run(data):
    for name, value in json.loads(data)["log"]:
        Run.get_context().log(name, value)
    return [1]
"""


def test_events_that_a_script_logs_are_counted_once_a_request(replica, open_studio):
    port = free_port()
    studio = open_studio(port)
    telemetry = {"url": f"http://127.0.0.1:{port}/api/v1/telemetry", "token": "t", "service": 5, "seconds": 0.2}
    replica.with_script(NOTING).start(telemetry=telemetry, processes=2)
    for _ in range(5):
        replica.score({"log": [["fall back", 1], ["fall back", 0.5], ["empty", 0], ["none", None], ["x" * 99, "y"]]})
    replica.score({"log": []})

    replica.until(lambda: studio.sums("codes") == {"200": 6})

    assert studio.sums("events") == {"fall_back": 5, "x" * 63: 5}
    exposed = replica.client.get("/metrics").text
    assert 'slipway_events_total{event="fall_back"} 5' in exposed


def test_events_beyond_the_room_for_names_are_not_counted_and_survive_a_worker(tmp_path):
    file = create(tmp_path / "counters.bin", 2)
    counters = Counters(file, 0)
    counters.note([f"event-{number}" for number in range(40)])
    Counters(file, 0).note(["event-1"])
    Counters(file, 1).note(["event-1", "x" * 63])

    found = file.events()

    assert len(found) == 33
    assert (found["event-1"], found["x" * 63]) == (3, 1)


def test_requests_before_the_first_sample_are_in_the_first_window(replica):
    replica.with_models(double=double_model).start().stop()
    settings = load_replica(replica.folder / "run.json")
    file = create(settings.counters, 2)
    Counters(file, 1).record(200, 1000, 0, Timings(), 0)
    assert WindowCutter(settings, file).cut(0.0, 0).counters["codes"] == {"200": 1}


def test_windows_wait_while_the_studio_is_down_and_arrive_once(replica, open_studio):
    port = free_port()
    start(replica, port)
    for _ in range(10):
        replica.score(GOOD)
    replica.until(lambda: len(spooled(replica)) >= 5)
    studio = open_studio(port)
    replica.until(lambda: studio.codes().get("200") == 10)
    replica.until(lambda: len(spooled(replica)) <= 1)
    sequences = [window["sequence"] for window in studio.windows]
    assert len(sequences) == len(set(sequences))
    assert sequences == sorted(sequences)


def test_last_window_is_sent_at_stop_or_after_the_next_start(replica, open_studio):
    port = free_port()
    start(replica, port)
    replica.score(GOOD)
    replica.stop()
    assert spooled(replica)
    studio = open_studio(port)
    replica.start()
    replica.score(GOOD)
    replica.stop()
    assert studio.codes() == {"200": 2}
    assert not spooled(replica)
    sequences = [window["sequence"] for window in studio.windows]
    assert sequences == sorted(set(sequences))


def test_counts_survive_a_killed_worker(replica, open_studio):
    port = free_port()
    start(replica, port)
    for _ in range(10):
        replica.client.post("/score", content=json.dumps(GOOD), headers={"Connection": "close"})
    for worker in replica.workers():
        worker.kill()
    replica.until(lambda: replica.status().get("restarts") == 2)
    studio = open_studio(port)
    replica.until(lambda: studio.codes() == {"200": 10})


@pytest.mark.parametrize("status", [401, 410])
def test_pushing_ends_when_the_studio_rejects_the_service(replica, open_studio, status):
    port = free_port()
    studio = open_studio(port, status)
    start(replica, port)
    replica.until(lambda: "refuses this service's telemetry" in replica.log())
    before = studio.pushes
    replica.until(lambda: len(spooled(replica)) >= 4)
    assert studio.pushes == before == 1
    assert replica.score(GOOD).status_code == 200


def test_push_is_retried_after_a_server_error(replica, open_studio):
    port = free_port()
    studio = open_studio(port, 503)
    start(replica, port)
    replica.score(GOOD)
    replica.until(lambda: studio.pushes >= 2)
    studio.status = 202
    replica.until(lambda: studio.codes() == {"200": 1})


def test_histogram_buckets_contain_their_values():
    for value in [0, 1, 15, 16, 17, 31, 32, 1000, 123_456, 10**9, 2**32 - 1, 2**40]:
        bucket = bucket_of(value)
        assert 0 <= bucket < BUCKETS
        assert upper_bound(bucket) >= min(value, 2**32 - 1)
        assert bucket == 0 or upper_bound(bucket - 1) < value


def test_window_has_time_by_part_and_requests_by_key(replica, open_studio):
    port = free_port()
    studio = open_studio(port)
    start(replica, port)
    for _ in range(5):
        replica.score(GOOD)
    replica.score(GOOD, headers={"Authorization": f"Bearer {SECOND_KEY}"})
    replica.score(GOOD, headers={"Authorization": "Bearer wrong"})
    replica.score("nonsense")
    replica.until(lambda: sum(studio.codes().values()) == 8)
    assert studio.sums("keys") == {"primary": 6, "secondary": 1, "none": 1}
    assert sum(studio.sums("infer").values()) == 6, "what was refused never reached the model"
    assert studio.sums("rows") == {"1": 6}
    spent = studio.sums("spent")
    assert set(spent) == {"total", "queue", "decode", "infer", "encode"}
    parts = [spent[part] for part in ("queue", "decode", "infer", "encode")]
    assert all(part > 0 for part in parts)
    assert sum(parts) <= spent["total"]


def test_rows_of_batched_runs_are_counted(tmp_path):
    file = create(tmp_path / "counters.bin", 1)
    counters, timings = Counters(file, 0), Timings()
    for rows in (1, 8, 8, 200, 5000):
        timings.infer, timings.rows = 1000, rows
        counters.record(200, 10, 0, timings)
    assert by_rows(file.totals()) == {1: 1, 8: 2, 200: 1, 256: 1}
    text = exposition(file).decode()
    assert 'slipway_batch_size_bucket{le="8"} 3' in text
    assert 'slipway_batch_size_bucket{le="255"} 4' in text
    assert "slipway_batch_size_count 5" in text


BEGAN, NOW = 10**12, 10**12 + 700_000


def shared_run(*requests, infer=5_000, rows=None, misses_first=False):
    """The calls of one run, from what each adds: its key, microseconds waited, decode and encode."""
    calls = []
    for place, (key, waited, decode, encode) in enumerate(requests):
        one = Call(None, Request(None, b"POST", b"/score", {}))
        one.request.key, one.request.arrived = key, BEGAN - waited * 1000 - place
        one.decode, one.infer, one.encode = decode, infer, encode
        one.rows, one.batch_follower = rows or len(requests), place > 0
        calls.append(one)
    return calls[misses_first:]


def cells_of(folder, record, calls):
    counters = Counters(create(folder / "counters.bin", 1), 0)
    record(counters, calls)
    return {place: value for place, value in enumerate(counters.cells.tolist()) if value}


def together(counters, calls):
    counters.record_batch(calls, BEGAN, NOW)


def one_by_one(counters, calls):
    for one in calls:
        taken, waited = ((end - one.request.arrived) // 1000 for end in (NOW, BEGAN))
        counters.record(200, taken, waited, one, one.request.key)


ONE = (1, 40, 900, 800)
runs = st.builds(
    lambda requests, **more: shared_run(*requests, **more),
    st.lists(
        st.tuples(st.integers(0, len(KEYS) - 1), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7)),
        min_size=1,
        max_size=4,
    ),
    infer=st.integers(1, 3) | st.integers(1, 10**10),  # alike now and then
    rows=st.none() | st.sampled_from([0, 1, 2, 5, 255, 256, 257, 5000]),
    misses_first=st.booleans(),
)


@pytest.mark.parametrize(
    "calls",
    [
        [],
        shared_run(ONE),
        shared_run(ONE) + shared_run(ONE),
        shared_run(ONE, ONE, ONE),
        shared_run(ONE, (2, 5, 70, 60), (0, 0, 1, 1), rows=12),
        shared_run(ONE, ONE) + shared_run(ONE, ONE, ONE, infer=6_000),
        shared_run(ONE, ONE) + shared_run(ONE, ONE),
        shared_run(ONE, ONE, misses_first=True),
        shared_run(ONE, ONE) + shared_run(ONE, ONE, ONE, misses_first=True),
        shared_run(ONE) + shared_run(ONE, ONE, misses_first=True),
        shared_run(ONE, ONE, rows=0),
        shared_run(ONE, ONE, rows=400),
        shared_run((1, 5_000_000, 1, 1), (2, 10**8, 1, 1), infer=10**10),
    ],
    ids=[
        "nothing", "a run of one row", "two runs of one row", "a run of three", "more rows than requests",
        "two runs", "two that took as long", "its first was counted by itself", "two, the second without its first",
        "after a lone one", "no rows", "more rows than are told apart", "slow ones",
    ],
)  # fmt: skip
def test_record_batch_equals_recording_one_by_one(tmp_path, calls):
    assert cells_of(tmp_path, together, calls) == cells_of(tmp_path, one_by_one, calls)


@settings(max_examples=200, deadline=None)
@given(turn=st.lists(runs, max_size=5).map(lambda parts: list(chain(*parts))))
def test_record_batch_equals_recording_one_by_one_for_any_batch(tmp_path_factory, turn):
    folder = tmp_path_factory.getbasetemp()
    assert cells_of(folder, together, turn) == cells_of(folder, one_by_one, turn)


def test_batched_run_is_counted_once_when_its_first_request_failed(tmp_path):
    file = create(tmp_path / "counters.bin", 1)
    counters, calls = Counters(file, 0), shared_run(ONE, ONE, ONE)
    counters.record(500, 10, 0, calls[0])
    counters.record_batch(calls[1:], BEGAN, NOW)
    assert {rows: run.runs for rows, run in runs_by_rows(file.totals()).items()} == {3: 1}
    assert by_rows(file.totals())[3] == 3
    assert len(file.totals()) == REGION


def test_metrics_parse_as_prometheus_text(replica):
    replica.with_script(SLOW).start(processes=1)
    replica.score("{}")
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(replica.score, '{"wait": 1.5}') for _ in range(3)]
        replica.until(lambda: metrics(replica)["slipway_queue_length"] == 2)
        assert metrics(replica)["slipway_requests_in_flight"] == 3
        assert [each.result().status_code for each in asked] == [200] * 3
    replica.score("nonsense")
    read = metrics(replica)
    assert read['slipway_requests_total{code="200",key="primary"}'] == 4
    assert read['slipway_requests_total{code="500",key="primary"}'] == 1
    for name, count in (("request", 5), ("queue", 5), ("inference", 5), ("decode", 5), ("encode", 5)):
        assert read[f"slipway_{name}_duration_seconds_count"] == count
    assert 4.5 < read["slipway_inference_duration_seconds_sum"] < 10
    assert read['slipway_inference_duration_seconds_bucket{le="+Inf"}'] == 5
    assert read["slipway_restarts_total"] == read["slipway_collection_dropped_rows_total"] == 0


def test_seconds_counter_keeps_its_precision_after_days(tmp_path):
    file = create(tmp_path / "counters.bin", 1)
    file.region(0)[CPU_MILLISECONDS] = 1_234_567_891
    assert b"\nslipway_cpu_seconds_total 1234567.891\n" in exposition(file)


def metrics(replica):
    """The samples by name, after a check of every line against the exposition format."""
    text = replica.client.get("/metrics").text
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            types[name] = kind
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? (\S+)', line)
            assert match, line
            assert match[1] in types or re.sub("_(bucket|sum|count)$", "", match[1]) in types, line
            samples[match[1] + (match[2] or "")] = float(match[3])
    return samples
