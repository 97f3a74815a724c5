"""Programs forked from the fork server: limits, isolation between runs, and recovery when a process dies."""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from registry.inspection import fork_server, warm_process
from registry.inspection.inspections import PROGRAM as INSPECTION
from registry.inspection.room import Room
from registry.inspection.warm_process import WarmProgram
from studio.sandbox.levels import Walls
from tests.stack import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere programs are started for each run")

PRELOADED = """
import os, resource, signal, subprocess, sys, time

def preload():
    with open({log!r}, "a") as log:
        log.write("loaded\\n")

runs = []

def main(what="", *arguments):
    runs.append(what)
    print(len(runs), os.getpid(), flush=True)
    if what:
        exec(what)
"""


@pytest.fixture
def loaded(tmp_path):
    return tmp_path / "loaded"


@pytest.fixture
def program(tmp_path, loaded):
    path = tmp_path / "program.py"
    path.write_text(PRELOADED.format(log=str(loaded)))
    return path


@pytest.fixture
def warm_program(program):
    warm_program = WarmProgram(program, lambda: Room(program.parent, walls=Walls))
    yield warm_program
    warm_program.close()


@pytest.fixture
def run(warm_program, tmp_path):
    """`run("import os")` has a run execute this."""

    def once(source="", *, seconds=30.0):
        return warm_program.run([source] if source else [], folder=tmp_path, seconds=seconds)

    return once


@pytest.fixture
def under_way(run, tmp_path):
    """`under_way(source)` begins a run in a thread: the run's own process id, and what waits for its end."""

    def begin(source):
        noted, ends = tmp_path / "under-way", []
        noted.unlink(missing_ok=True)
        note = f"import pathlib; pathlib.Path({str(noted)!r}).write_text(str(os.getpid())); "
        thread = threading.Thread(target=lambda: ends.append(run(note + source)))
        thread.start()
        pid = int(wait_for(lambda: noted.exists() and noted.read_text(), 30, "a run under way"))

        def end():
            thread.join(90)
            return ends[0]

        return pid, end

    return begin


def is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(pid):
    wait_for(lambda: not is_running(pid), 10, f"the end of {pid}")


def test_libraries_are_loaded_once_and_each_run_is_a_fresh_fork(run, loaded):
    printed = [run().output.split() for _ in range(3)]
    assert [count for count, _ in printed] == [b"1"] * 3
    assert len({pid for _, pid in printed}) == 3
    assert loaded.read_text() == "loaded\n"


def test_runs_are_isolated_from_each_other(run, tmp_path):
    run("os.environ['LEFT'] = '1'; os.chdir('/'); sys.modules['left'] = sys; signal.alarm(60); os.umask(0)")
    seen = run("print(os.environ.get('LEFT'), os.getcwd(), 'left' in sys.modules, signal.alarm(0), os.umask(0) == 0)")
    assert seen.output.split()[2:] == [b"None", os.fsencode(tmp_path), b"False", b"0", b"False"]


def test_run_leads_its_own_session_without_the_servers_descriptors(run):
    seen = run("print(os.getsid(0) == os.getpid(), sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    assert seen.output.decode().split("\n")[1] == "True [0, 1, 2]"


def test_run_has_nothing_of_a_worker_that_has_many_files_open(run, tmp_path):
    with ExitStack() as opened:
        for number in range(100):
            opened.enter_context((tmp_path / f"{number}.txt").open("w"))
        seen = run("print(sorted(map(int, os.listdir('/proc/self/fd'))))")
    assert seen.output.decode().split("\n")[1] == "[0, 1, 2, 3]"  # the last is the listing's own


@pytest.mark.parametrize(
    ("source", "code"),
    [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV), ("1 / 0", 1), ("os._exit(4)", 4)],
)
def test_exit_code_or_signal_of_a_run_is_reported(run, warm_program, source, code):
    assert run(source).code == code
    server = warm_program.pid
    assert run().code == 0
    assert warm_program.pid == server


def test_error_output_of_a_run_is_kept(run):
    assert "ZeroDivisionError" in run("1 / 0").errors


HIDES = """
children = [subprocess.Popen(['sleep', '600'], start_new_session=new) for new in (False, True)]
print(*[child.pid for child in children], flush=True)
time.sleep({seconds})
"""


@pytest.mark.parametrize(("pause", "code"), [(600, None), (0, 0)])
def test_descendants_end_with_the_run_even_in_other_sessions(run, pause, code):
    ended = run(HIDES.format(seconds=pause), seconds=3 if pause else 30)
    assert ended.code == code
    _, own, *children = map(int, ended.output.split())
    assert len(children) == 2
    assert not any(map(is_running, [own, *children]))


def test_timeout_of_a_run_leaves_the_server_alive(run, warm_program):
    run()
    server = warm_program.pid
    assert run("time.sleep(600)", seconds=0.2).code is None
    assert run().code == 0
    assert warm_program.pid == server


def test_killed_server_is_replaced_and_the_run_repeated(run, warm_program, under_way, loaded, tmp_path):
    gate = tmp_path / "gate"
    pid, end = under_way(f"\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)")
    os.kill(warm_program.pid, signal.SIGKILL)
    wait_until_gone(pid)
    gate.touch()
    assert end().code == 0
    assert loaded.read_text() == "loaded\n" * 2


def test_killed_run_reports_its_signal(run, under_way):
    pid, end = under_way("time.sleep(600)")
    os.kill(pid, signal.SIGKILL)
    assert end().code == -signal.SIGKILL
    assert run().code == 0


def test_interrupted_run_does_not_answer_the_next_one(run, monkeypatch):
    run()
    with monkeypatch.context() as patched:
        patched.setattr(warm_process, "_answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run("sys.exit(7)")
    assert run().code == 0


def interrupt(connection, _):
    select.select([connection], [], [], 30)
    raise KeyboardInterrupt


def test_program_is_started_directly_when_the_server_keeps_dying(program, tmp_path):
    program.write_text(
        "import os, sys\ndef preload(): os._exit(1)\ndef main(): print('alone')\nif __name__ == '__main__': main()"
    )
    warm_program = WarmProgram(program, lambda: Room(tmp_path, walls=Walls))
    assert warm_program.run([], folder=tmp_path, seconds=30).output == b"alone\n"


def test_a_program_whose_libraries_start_threads_is_never_forked(program, tmp_path):
    program.write_text(
        "import threading, time\n"
        "def preload(): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "def main(): print(threading.active_count())\n"
        "if __name__ == '__main__': main()\n"
    )
    warm_program = WarmProgram(program, lambda: Room(tmp_path, walls=Walls))
    assert warm_program.run([], folder=tmp_path, seconds=30).output == b"1\n"


def test_program_is_started_directly_when_the_server_hangs(run, warm_program, monkeypatch):
    run()
    monkeypatch.setattr(warm_process, "SLACK_SECONDS", 0.5)
    os.kill(warm_program.pid, signal.SIGSTOP)
    assert run(seconds=1).code == 0


def test_idle_server_exits_and_the_next_run_starts_another(run, loaded, tmp_path, monkeypatch):
    impatient = tmp_path / "impatient.py"
    source = Path(fork_server.__file__).read_text()
    impatient.write_text(source.replace(f"IDLE_SECONDS = {fork_server.IDLE_SECONDS}", "IDLE_SECONDS = 0.1"))
    monkeypatch.setattr(warm_process, "SERVER", impatient)
    server = psutil.Process(int(run("print(os.getppid())").output.split()[2]))
    wait_for(lambda: not is_running(server.pid), 10, "the end of the idle server")
    assert run().code == 0
    assert loaded.read_text() == "loaded\n" * 2


OWNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from registry.inspection.room import Room
from registry.inspection.warm_process import WarmProgram
from studio.sandbox.levels import Walls
tells_and_sleeps = "print(os.getppid(), file=open({noted!r}, 'w'), flush=True); time.sleep(600)"
program = Path({program!r})
WarmProgram(program, lambda: Room(program.parent, walls=Walls)).run([tells_and_sleeps], folder=Path("/"), seconds=600)
"""


def test_server_and_run_end_with_a_killed_worker(program, tmp_path):
    noted, root = tmp_path / "noted", str(Path(warm_process.__file__).parents[2])
    script = OWNER.format(root=root, program=str(program), noted=str(noted))
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    owner = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        server = int(wait_for(lambda: noted.exists() and noted.read_text(), 30, "a run under way"))
        family = [server, *[child.pid for child in psutil.Process(server).children()]]
        assert len(family) == 2
    finally:
        owner.kill()
        owner.wait()
    for pid in family:
        wait_until_gone(pid)


def test_two_workers_run_programs_concurrently(program, tmp_path):
    meeting = f"""
mine, other = [os.path.join({str(tmp_path)!r}, name) for name in arguments]
open(mine, "w").close()
until = time.monotonic() + 30
while not os.path.exists(other):
    if time.monotonic() > until: sys.exit(5)
    time.sleep(0.01)
"""
    source = program.read_text().replace("exec(what)", 'exec(what, globals() | {"arguments": arguments})')
    program.write_text(source)
    codes = []

    def work(mine, other):
        own = WarmProgram(program, lambda: Room(tmp_path, walls=Walls))
        codes.append(own.run([meeting, mine, other], folder=tmp_path, seconds=60).code)
        own.close()

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]


def test_memory_limit_applies_in_the_fork(tmp_path, run):
    limited = f"""
sys.path.insert(0, {str(INSPECTION.parents[2])!r})
from registry.inspection.inspect_file import limit
limit(300 * 1024**2, 60)
try:
    bytearray(400 * 1024**2)
except MemoryError:
    print("refused")
"""
    assert run(limited).output.endswith(b"refused\n")
    assert run("bytearray(400 * 1024**2); print('allowed')").output.endswith(b"allowed\n")
