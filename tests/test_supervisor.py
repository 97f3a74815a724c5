"""Units of `manage.py up`: the plan of programs, output, restarts, the broker's socket."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio.core.errors import Conflict
from studio.management.commands.up import write_pids
from studio.stack import broker, guards, probe
from studio.stack.children import run_function
from studio.stack.console import Lines
from studio.stack.programs import Plan, Program, environment, programs
from studio.stack.supervisor import Supervisor
from studio.stack.watched import LONGEST_PAUSE, Watched
from tests.stack import ROOT, wait_for


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path, "127.0.0.1", 8000)


def test_external_redis_starts_no_broker(plan):
    own = [program.name for program in programs(plan)]
    given = [program.name for program in programs(Plan(plan.data, plan.host, plan.port, embedded_broker=False))]

    assert own == ["broker", "web", "quick", "heavy", "builds", "long", "clock"]
    assert given == ["web", "quick", "heavy", "builds", "long", "clock"]


def test_the_broker_is_stopped_last(plan):
    assert max(programs(plan), key=lambda program: program.stop_order).name == "broker"


def test_administrator_password_is_not_in_the_environment_of_programs(plan):
    assert "secret" not in environment(plan, {"SLIPWAY_ADMIN_PASSWORD": "secret", "PATH": "/bin"}).values()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("0.0.0.0", "http://127.0.0.1:8000/"),
        ("::", "http://[::1]:8000/"),
        ("studio.example", "http://studio.example:8000/"),
    ],
)
def test_shown_address_is_reachable(tmp_path, host, url):
    assert Plan(tmp_path, host, 8000).url == url


def test_broker_socket_is_short_and_private_for_any_data_folder(tmp_path):
    deep = tmp_path / ("deep" * 30)
    socket = broker.socket_path(deep)
    broker.make_private(socket.parent)

    assert len(os.fsencode(socket)) < 100
    assert broker.socket_path(deep) == socket != broker.socket_path(tmp_path / ("other" * 30))
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    socket.parent.rmdir()


def test_broker_password_is_in_a_private_file_and_not_on_the_command_line(tmp_path):
    command = broker.command(tmp_path)
    settings = Path(command[1])

    assert settings.read_text() == f"requirepass {broker.password(tmp_path)}\n"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert not any(broker.password(tmp_path) in argument for argument in command)


def test_broker_gets_no_secret_of_the_studio(plan):
    assert {program.name: program.knows_secrets for program in programs(plan)}["broker"] is False


def test_output_is_shown_in_whole_lines_with_the_program_name(capsys):
    lines = Lines("web")
    lines.feed(b"one\ntw")
    lines.feed(b"o\n\nthree")
    lines.close()

    assert capsys.readouterr().out == "web    | one\nweb    | two\nweb    | three\n"


def test_needless_warning_of_the_embedded_broker_is_left_out(plan, capsys):
    lines = Lines("broker", programs(plan)[0].unprinted)
    lines.feed(b"9:M # WARNING Memory overcommit must be enabled! Without it, a save may fail.\n9:M # Out of memory\n")

    assert capsys.readouterr().out == "broker | 9:M # Out of memory\n"


def test_buffer_of_an_endless_line_is_bounded(capsys):
    lines = Lines("web")
    for _ in range(5):
        lines.feed(b"x" * 40_000)

    assert len(lines.rest) <= 64 * 1024


def python(code):
    return [sys.executable, "-c", code]


def run_until(supervisor, condition, seconds=20):
    """Run `supervisor` here, in the main thread, until `condition` holds."""

    def watch():
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not condition():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    watcher = threading.Thread(target=watch)
    supervisor.before_fork = watcher.start
    try:
        supervisor.run()
    finally:
        watcher.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_ended_program_is_restarted(tmp_path, capsys):
    code = f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('hello')"
    supervisor = Supervisor([Program("web", command=python(code))], dict(os.environ))
    run_until(supervisor, lambda: (tmp_path / "starts").exists() and len((tmp_path / "starts").read_text()) >= 2)

    assert len((tmp_path / "starts").read_text()) >= 2
    assert "web    | hello\n" in capsys.readouterr().out


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("record_pids", [full_disk, partial(write_pids, Plan(Path(os.devnull), "127.0.0.1", 8000))])
def test_program_is_restarted_although_pids_cannot_be_recorded(tmp_path, capsys, record_pids):
    starts = tmp_path / "starts"
    program = Program("web", command=python(f"open({str(starts)!r}, 'a').write('x')"))
    supervisor = Supervisor([program], dict(os.environ), on_change=record_pids)
    run_until(supervisor, lambda: starts.exists() and len(starts.read_text()) >= 2)

    assert len(starts.read_text()) >= 2
    assert "process ids cannot be written down" in capsys.readouterr().out


def test_function_is_forked_although_output_goes_to_a_full_disk(monkeypatch):
    monkeypatch.setattr("sys.stdout", SimpleNamespace(flush=full_disk))
    pipe = os.pipe()
    child = run_function(lambda: 7, dict(os.environ), pipe[1])
    wait_for(lambda: child.poll() is not None, 10, "the end of the child")
    for end in pipe:
        os.close(end)

    assert child.returncode == 7


def test_program_that_ignores_sigterm_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.stack.supervisor.GRACE", 0.5)
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    supervisor = Supervisor([Program("web", command=python(stubborn))], dict(os.environ))
    run_until(supervisor, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())

    child = int((tmp_path / "pid").read_text())
    assert supervisor.watched[0].process is None
    wait_for(lambda: not _lives(child), 5, "the end of the grandchild")


def _lives(pid):
    """A killed grandchild may stay a zombie until somebody collects it."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_restart_backoff_grows_to_a_limit():
    watched = Watched(Program("web", command=python("pass")), dict(os.environ))
    pauses = []
    for _ in range(9):
        watched.start()
        watched.process.wait()
        assert watched.reap() == "exit code 0"
        pauses.append(watched.pause)

    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == LONGEST_PAUSE


def test_data_folder_is_locked_by_one_studio(tmp_path):
    held = guards.lock(tmp_path, "process 1")
    with pytest.raises(Conflict, match="process 1"):
        guards.lock(tmp_path, "process 2")
    held.close()

    guards.lock(tmp_path, "process 3").close()


def test_process_that_reuses_a_pid_is_not_killed_as_a_leftover(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pids.json").write_text(f'{{"web": {os.getpid()}, "up": 1}}')
    os.utime(tmp_path / "run" / "pids.json", (0, 0))

    guards.kill_leftovers(tmp_path)

    assert not (tmp_path / "run" / "pids.json").exists()


def test_health_of_a_closed_port_names_the_web_server():
    assert probe.ask("127.0.0.1", 1) == probe.Health(False, ["web"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread watches the parent")
@pytest.mark.parametrize(("parent", "code"), [("os.getppid()", 0), ("os.getpid()", -signal.SIGKILL)])
def test_child_whose_parent_ended_before_the_death_signal_was_set_ends_too(parent, code):
    program = f"import os; from studio.stack.lifeline import die_with_parent; die_with_parent({parent})"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == code
