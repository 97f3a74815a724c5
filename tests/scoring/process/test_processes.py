"""What the master keeps true: workers come back, orphans do not stay, nothing accepted is lost."""

import json
import os
import signal
import socket
import threading
import time
from contextlib import suppress

import httpx
import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper

from scoring.process.restart_backoff import RestartBackoff
from tests.scoring.conftest import double_model, read_answers, request_bytes, save

GOOD = {"data": [[1, 2, 3, 4]]}
FORKING = """
import json, multiprocessing

def init():
    global pool
    pool = multiprocessing.get_context("fork").Pool(1)

def run(data):
    return pool.map(double, json.loads(data))

def double(number):
    return 2 * number
"""
MEASURED = "import time\ndef init():\n    pass\ndef run(data):\n    time.sleep(0.02)\n    return data\n"


def test_killed_worker_is_replaced_while_others_serve(replica):
    replica.with_models(double=double_model).start(processes=2)
    stop, codes, broken = threading.Event(), [], []

    def keep_asking():
        while not stop.is_set():
            try:
                codes.append(replica.score(GOOD).status_code)
            except Exception as error:
                broken.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    victim = replica.workers()[0]
    victim.kill()
    replica.until(lambda: replica.status().get("restarts") == 1)
    replica.until(lambda: len([one for one in replica.workers() if one.status() != psutil.STATUS_ZOMBIE]) == 2)
    time.sleep(0.5)
    stop.set()
    asking.join()
    assert set(codes) == {200}
    assert len(broken) <= 1  # at most the one request that the victim was holding
    assert replica.status()["state"] == "ready"


def test_workers_die_with_a_killed_master(replica):
    replica.with_models(double=double_model).start(processes=2)
    workers = replica.workers()
    os.kill(replica.process.pid, signal.SIGKILL)
    replica.process.wait()
    assert len(workers) == 2
    psutil.wait_procs(workers, timeout=5)
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]


def test_loading_workers_die_with_a_killed_master(replica):
    script = MEASURED.replace("pass", "time.sleep(30)")
    replica.with_script(script).launch()
    workers = replica.until(lambda: replica.status()["state"] == "starting" and replica.workers())
    time.sleep(0.5)
    os.kill(replica.process.pid, signal.SIGKILL)
    replica.process.wait()
    assert not psutil.wait_procs(workers, timeout=5)[1]


def test_repeatedly_crashing_worker_fails_the_service(replica):
    script = "import os\ndef init():\n    pass\ndef run(data):\n    os._exit(5)\n"
    replica.with_script(script).start()
    end = time.monotonic() + 25
    while replica.process.poll() is None and time.monotonic() < end:
        try:
            replica.score("{}", timeout=2)
        except Exception:
            time.sleep(0.02)
    assert replica.process.wait(1) == 3
    assert replica.status()["failure"]["reason"] == "worker_crashed"
    assert "exit code 5" in replica.status()["failure"]["message"]


def test_backoff_gives_up_after_three_exits_while_loading():
    restarts = RestartBackoff(3)
    assert [restarts.delay_after(0.0) for _ in range(3)] == [0.0, 0.2, None]


def test_backoff_restarts_a_stable_process_at_once():
    restarts = RestartBackoff(3)
    restarts.delay_after(0.0)
    assert [restarts.delay_after(served) for served in (60.0, 0.0, 0.0)] == [0.0, 0.0, 0.2]


def test_processes_forked_by_a_loading_script_hold_neither_port_nor_report_pipe(replica):
    """Forked, they hold copies of all that the worker has open: the port, and the line to its master."""
    replica.with_script(FORKING).start()
    assert replica.score("[1, 2]").json() == [2, 4]
    (worker,) = replica.workers()
    helpers = worker.children()
    assert len(helpers) == 1
    worker.kill()
    replica.until(lambda: replica.workers() not in ([worker], []))
    replica.until(lambda: replica.status().get("restarts") == 1)
    assert replica.stop() == 0
    reserve_again = socket.create_server(("127.0.0.1", replica.port))
    reserve_again.close()
    psutil.wait_procs(helpers, timeout=5)


def test_stop_answers_every_received_request(replica):
    replica.with_script(MEASURED).start(processes=2)
    lost, answered, refused = [], [], threading.Event()

    def keep_asking():
        try:
            while not refused.is_set():
                with replica.connect() as connection:
                    _ask_until_closed(connection, answered, lost)
        except ConnectionRefusedError:
            refused.set()

    asking = [threading.Thread(target=keep_asking) for _ in range(8)]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    assert replica.stop() == 0
    for thread in asking:
        thread.join(10)
    assert not lost
    assert len(answered) > 20
    assert set(answered) == {(200, "x")}


def _ask_until_closed(connection, answered, lost):
    try:
        keep = True
        while keep:
            connection.sendall(request_bytes(b"x"))
            [(status, headers, body)] = read_answers(connection)
            answered.append((status, json.loads(body)))
            keep = headers.get("connection") != "close"
    except (OSError, IndexError) as error:
        lost.append(error)


def test_stop_closes_idle_connections_quickly(replica):
    replica.with_models(double=double_model).start()
    with replica.connect() as idle:
        idle.sendall(request_bytes(json.dumps(GOOD).encode()))
        read_answers(idle)
        began = time.monotonic()
        assert replica.stop() == 0
        assert time.monotonic() - began < 3
        assert idle.recv(10) == b""


def test_stop_does_not_wait_for_a_hung_request(replica):
    script = MEASURED.replace("0.02", "60")
    replica.with_script(script).start()
    with replica.connect() as waiting:
        waiting.sendall(request_bytes(b"x"))
        time.sleep(0.2)
        began = time.monotonic()
        assert replica.stop(12) == 0
        assert time.monotonic() - began < 10.5


def test_worker_beyond_the_memory_limit_is_replaced(replica):
    script = """
kept = []
def init():
    pass
def run(data):
    kept.append(bytes([1]) * (64 * 2**20))
    return len(kept)
"""
    replica.with_script(script).start(memory_bytes=180 * 2**20)
    with suppress(httpx.TransportError):  # it may be ended before the last answer is on its way
        for _ in range(3):
            replica.score("{}")
    replica.until(lambda: replica.status().get("restarts"))
    assert "MiB" in replica.log()
    replica.until(lambda: replica.score("{}").json() == 1)


def test_connections_spread_evenly_over_workers(replica):
    replica.with_models(double=double_model).start(processes=2)
    opened = [replica.connect() for _ in range(20)]
    for connection in opened:
        connection.sendall(request_bytes(json.dumps(GOOD).encode()))
        read_answers(connection)
    held = [sum(one.status == "ESTABLISHED" for one in worker.net_connections()) for worker in replica.workers()]
    for connection in opened:
        connection.close()
    assert sum(held) == 20
    assert min(held) >= 8


def test_number_of_workers_equals_the_cores(replica):
    replica.with_models(double=double_model).start(processes=None, cpus=1.0)
    [worker] = replica.workers()
    assert len(worker.cpu_affinity()) == 1


def test_workers_share_the_memory_of_libraries(replica):
    replica.with_models(double=double_model).start(processes=3)
    processes = [psutil.Process(replica.process.pid), *replica.workers()]
    assert len(processes) == 4

    told = [process.memory_full_info() for process in processes]

    assert sum(memory.pss for memory in told) < 0.6 * sum(memory.rss for memory in told)


def test_workers_have_different_random_seeds(replica):
    script = """
import os, random
import numpy

def init():
    pass

def run(data):
    return [os.getpid(), random.random(), float(numpy.random.random())]
"""
    replica.with_script(script).start(processes=2)
    first: dict[int, tuple] = {}

    def ask() -> bool:
        with replica.connect() as line:
            line.sendall(request_bytes(b""))
            pid, *numbers = json.loads(read_answers(line)[0][2])
        first.setdefault(pid, tuple(numbers))
        return len(first) == 2

    replica.until(ask)
    (plain, other_plain), (drawn, other_drawn) = zip(*first.values(), strict=True)
    assert plain != other_plain
    assert drawn != other_drawn


def heavy_model(path):
    """y = x W, with 36 MB of weights that all processes would have to hold."""
    weights = onnx.numpy_helper.from_array(np.ones((3000, 3000), dtype=np.float32), "weights")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 3000]) for name in "xy")
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["first"]),
        helper.make_node("MatMul", ["first", "weights"], ["y"]),
    ]
    return save(path, nodes, [x], [y], [weights])


def test_heavy_model_is_loaded_once_and_runs_in_threads(replica):
    replica.with_models(heavy=heavy_model).start(processes=None)
    assert len(replica.workers()) == 1
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(replica.score({"data": [[1] * 3000]}))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json()["data"][0][0] for answer in answers] == [9_000_000.0] * 6


def test_hung_worker_is_replaced_and_its_stacks_are_logged(replica):
    script = """
import time

def init():
    pass

def run(data):
    if data == "hang":
        time.sleep(600)  # on the loop, where quick scripts are run
    return "ok"
"""
    replica.with_script(script).start(processes=2, scoring_timeout_seconds=1.0)
    stuck, lines = [], [replica.connect() for _ in range(8)]
    for line in lines:  # enough quick runs for every process to trust the script
        for _ in range(130):
            line.sendall(request_bytes(b"quick"))
            assert read_answers(line)[0][0] == 200
    before = {worker.pid for worker in replica.workers()}

    stuck = lines[0]
    stuck.sendall(request_bytes(b"hang"))

    replica.until(lambda: len({worker.pid for worker in replica.workers()} - before) == 1)
    assert stuck.recv(100) == b""
    replica.until(lambda: "has hung" in replica.log())
    replica.until(lambda: "was ended since it hung; another takes its place" in replica.log())
    assert 'score.py", line 9 in run' in replica.log()
    assert all(replica.score("again").json() == "ok" for _ in range(20))
    for line in lines:
        line.close()
