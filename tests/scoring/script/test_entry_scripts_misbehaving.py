"""Scripts that damage their own process do not affect other requests."""

import contextlib
import socket
import threading

import httpx
import psutil
import pytest

from tests.scoring.conftest import read_answers, request_bytes

SCRIPT = """
import json, multiprocessing, os, subprocess, sys, threading, time

def init():
    pass

def run(data):
    asked = json.loads(data)
    return globals()[asked.pop("how")](**asked) if "how" in asked else {"fine": True}

def leave():
    os._exit(5)

def become_another_program():
    os.execv("/bin/true", ["true"])

def interrupt():
    raise KeyboardInterrupt

class Own(BaseException):
    pass

def own():
    raise Own("of another kind")

def close():
    sys.stdout.close()
    sys.stderr.close()
    sys.stdout = sys.stderr = None

def wander():
    os.chdir("/")
    sys.path.clear()
    return os.getcwd()

def shout(megabytes):
    for _ in range(megabytes):
        sys.stdout.write("x" * 999 + "\\n" + "y" * 999_000 + "\\n")

def odd_characters():
    sys.stdout.buffer.write(b"\\xff\\xfe buffered\\n")
    sys.stdout.buffer.flush()
    print("\\ud800 lone")
    os.write(1, b"\\xfa straight\\n")

def copy(code):
    child = os.fork()
    if child == 0:
        return "from the copy"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def copy_raising():
    child = os.fork()
    if child == 0:
        raise ValueError("in the copy")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def copy_leaving(code):
    child = os.fork()
    if child == 0:
        sys.exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def pool():
    with multiprocessing.get_context("fork").Pool(2) as workers:
        return workers.map(abs, [-1, -2, -3])

def spawned_pool():
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        return [multiprocessing.current_process().name, workers.map(abs, [-1, -2])]

def program():
    return subprocess.run(["echo", "42"], capture_output=True, text=True).stdout

def lasting_program():
    return subprocess.Popen(["sleep", "30"]).pid

def lasting_copy():
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    return child

def threads():
    threading.Thread(target=lambda: 1 / 0).start()
    threading.Thread(target=time.sleep, args=[30]).start()
    return "started"
"""


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_script(SCRIPT).start()


def ask(server, how, **more):
    return server.score({"how": how, **more})


def is_fine(server):
    return server.score("{}").json() == {"fine": True}


@pytest.mark.parametrize("how", ["leave", "become_another_program"])
def test_exit_in_run_costs_only_its_own_response(replica, how):
    replica.with_script(SCRIPT).start(processes=2)
    for _ in range(20):
        assert is_fine(replica)
    with pytest.raises(httpx.TransportError):
        ask(replica, how)
    assert is_fine(replica)
    replica.until(lambda: replica.status().get("restarts") == 1 and len(replica.workers()) == 2)


@pytest.mark.parametrize(("how", "words"), [("interrupt", "KeyboardInterrupt"), ("own", "Own: of another kind")])
def test_any_exception_is_answered_500(server, how, words):
    answer = ask(server, how)
    assert (answer.status_code, words in answer.json()["message"]) == (500, True)
    assert is_fine(server)


def test_deleted_working_folder_and_path_change_nothing(replica):
    replica.with_script(SCRIPT).start()
    assert ask(replica, "wander").json() == "/"
    assert is_fine(replica)
    assert replica.client.get("/swagger.json").status_code == 200


def test_unprintable_characters_are_escaped_in_the_log(replica):
    replica.with_script(SCRIPT).start()
    assert ask(replica, "odd_characters").status_code == 200

    def log():
        return (replica.folder / "server.log").read_text(errors="replace")

    replica.until(lambda: "straight" in log())
    assert "buffered" in log()
    assert "\\ud800 lone" in log()


def test_closed_output_fails_no_request_and_tracebacks_are_logged(replica):
    replica.with_script(SCRIPT).start()
    assert ask(replica, "close").status_code == 200
    assert ask(replica, "own").status_code == 500
    assert is_fine(replica)
    replica.until(lambda: "Own: of another kind" in replica.log())


def test_flood_of_output_is_bounded(replica):
    replica.with_script(SCRIPT).start()
    answers = []
    shouting = threading.Thread(target=lambda: answers.append(ask(replica, "shout", megabytes=300)))
    shouting.start()
    shouting.join()
    assert answers[0].status_code == 200
    assert is_fine(replica)
    replica.until(lambda: (replica.folder / "server.log").stat().st_size < 80 * 2**20)


@pytest.mark.parametrize(
    ("how", "more", "code"), [("copy", {"code": 0}, 0), ("copy_raising", {}, 1), ("copy_leaving", {"code": 9}, 9)]
)
def test_forked_process_at_the_end_of_run_sends_no_response(server, how, more, code):
    answer = ask(server, how, **more)
    assert (answer.status_code, answer.json()) == (200, code)
    assert is_fine(server)


def test_script_can_use_pools_programs_and_threads(server):
    assert ask(server, "pool").json() == [1, 2, 3]
    assert ask(server, "spawned_pool").json() == ["MainProcess", [1, 2]]
    assert ask(server, "program").json() == "42\n"
    assert ask(server, "threads").json() == "started"
    server.until(lambda: "ZeroDivisionError" in server.log())
    assert is_fine(server)


def test_killing_pool_members_does_not_end_the_server(server):
    before = [worker.pid for worker in server.workers()]
    for _ in range(10):
        assert ask(server, "pool").json() == [1, 2, 3]
    assert [worker.pid for worker in server.workers()] == before


@pytest.mark.parametrize("how", ["lasting_program", "lasting_copy"])
def test_leftover_processes_hold_neither_port_nor_connections(replica, how):
    replica.with_script(SCRIPT).start()
    with replica.connect() as connection:
        connection.sendall(request_bytes(b"{}"))
        read_answers(connection)
        left = psutil.Process(ask(replica, how).json())
        try:
            connection.sendall(request_bytes(b"{}", "/score", "Connection: close"))
            while connection.recv(1000):
                pass  # to the end, which would not come if the copy held the connection
            assert replica.stop() == 0
            with socket.socket() as next_one:
                next_one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                next_one.bind(("127.0.0.1", replica.port))
                next_one.listen()
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
