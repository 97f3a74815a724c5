"""The local driver with a stand-in server: processes, locks, signals, files."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deployments.targets.base import NoRoom, NotRemoved
from deployments.targets.local import driver as local
from deployments.targets.local import process
from deployments.targets.local.driver import LocalDriver
from deployments.targets.local.run_folder import Launch, RunFolder
from tests.targets.contract import DriverContract, until
from tests.targets.specs import make_spec

STAND_IN = Path(__file__).parent / "standin"


def local_driver(root: Path) -> LocalDriver:
    return LocalDriver(root=root, library=lambda: STAND_IN)


@pytest.fixture
def driver(tmp_path):
    made = local_driver(tmp_path / "services")
    yield made
    for folder in made.root.glob("*"):
        process.kill(RunFolder(folder))


@pytest.fixture
def spec(tmp_path):
    return make_spec(tmp_path)


def folder_of(driver, spec) -> RunFolder:
    return RunFolder(driver.root / str(spec.service_id))


def behaving(spec, behaviour, **changes):
    return replace(spec, environment_variables={"BEHAVIOUR": behaviour}, **changes)


def ask(spec) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{spec.port}/", timeout=5) as answer:
        return json.load(answer)


class TestTheLocalDriver(DriverContract):
    def kill(self, driver, found):
        os.kill(found.pid, signal.SIGKILL)


class TestAProcess:
    def test_belongs_to_no_worker_and_leads_no_terminal(self, driver, spec):
        driver.apply(spec)
        found = until(driver, spec.service_id, "ready")
        server = psutil.Process(found.pid)
        assert os.getpid() not in {parent.pid for parent in server.parents()}
        assert os.getsid(found.pid) != os.getsid(0)

    def test_survives_the_worker_that_started_it_and_is_adopted_by_the_next(self, driver, spec):
        script = textwrap.dedent(
            f"""
            import os, sys
            sys.path.insert(0, {str(Path.cwd())!r})
            os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
            from pathlib import Path
            from tests.targets.test_local_driver import local_driver
            from tests.targets.specs import make_spec
            local_driver(Path({str(driver.root)!r})).apply(make_spec(Path("/tmp"), port={spec.port}))
            os.kill(os.getpid(), 9)
            """
        )
        worker = subprocess.run([sys.executable, "-c", script], check=False)
        assert worker.returncode == -signal.SIGKILL
        adopted = until(driver, spec.service_id, "ready")
        driver.apply(spec)
        assert driver.observe(spec.service_id).pid == adopted.pid

    def test_gets_no_secrets_of_the_studio(self, driver, spec, monkeypatch):
        for name in (
            "DATABASE_URL",
            "SLIPWAY_SECRET_KEY",
            "REDIS_URL",
            "DJANGO_SETTINGS_MODULE",
            "AWS_SECRET_ACCESS_KEY",
        ):
            monkeypatch.setenv(name, "secret")
        driver.apply(replace(spec, environment_variables={"THRESHOLD": "0.5"}))
        until(driver, spec.service_id, "ready")
        found = ask(spec)
        assert "secret" not in found["environment"].values()
        assert found["environment"]["THRESHOLD"] == "0.5"
        assert found["environment"]["HOME"] == str(folder_of(driver, spec).home)

    def test_is_kept_from_reporting_usage_unless_its_own_variables_say_otherwise(self, driver, spec):
        driver.apply(replace(spec, environment_variables={"MLFLOW_DISABLE_TELEMETRY": "false"}))
        until(driver, spec.service_id, "ready")
        environment = ask(spec)["environment"]
        assert environment["ORT_DISABLE_TELEMETRY"] == "1"
        assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"

    def test_starts_without_the_device_id_that_an_earlier_one_left_in_its_home(self, driver, spec, tmp_path):
        home = folder_of(driver, spec).home
        (home / ".cache/Microsoft/DeveloperTools/.onnxruntime").mkdir(parents=True)
        (home / ".cache/Microsoft/DeveloperTools/.onnxruntime/deviceid").write_text("0")
        (home / ".cache/kept").write_text("")
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        assert [path.name for path in home.rglob("*") if path.is_file()] == ["kept"]

    def test_its_home_is_not_swept_through_a_link(self, driver, spec, tmp_path):
        elsewhere = tmp_path / "elsewhere/Microsoft/DeveloperTools/.onnxruntime"
        elsewhere.mkdir(parents=True)
        home = folder_of(driver, spec).home
        home.mkdir(parents=True)
        (home / ".cache").symlink_to(tmp_path / "elsewhere")
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        assert elsewhere.is_dir()

    def test_finds_the_scoring_package_and_nothing_else_of_the_studio(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        assert str(STAND_IN) in ask(spec)["path"]
        assert str(Path.cwd()) not in ask(spec)["path"]

    def test_that_does_not_answer_is_unreachable_until_it_does(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.reports.PROBE_SECONDS", 0.2)
        driver.apply(spec)
        found = until(driver, spec.service_id, "ready")
        os.kill(found.pid, signal.SIGSTOP)
        assert driver.observe(spec.service_id).state == "unreachable"
        os.kill(found.pid, signal.SIGCONT)
        until(driver, spec.service_id, "ready")

    def test_that_ignores_the_polite_signal_is_killed(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.driver.TERM_SECONDS", 0.3)
        driver.apply(behaving(spec, "stubborn"))
        found = until(driver, spec.service_id, "ready")
        driver.stop(spec.service_id)
        assert driver.observe(spec.service_id).state == "stopping"
        until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))
        assert not _runs(found.pid)

    def test_is_known_again_after_somebody_has_set_the_clock(self, driver, spec, monkeypatch):
        driver.apply(spec)
        before = until(driver, spec.service_id, "ready")
        set_clock_ahead(monkeypatch, seconds=3600)
        driver.apply(spec)
        after = driver.observe(spec.service_id)
        assert (after.state, after.pid, after.restarts) == ("ready", before.pid, 0)
        assert _runs(before.pid)

    def test_is_not_taken_for_a_stranger_that_got_its_number(self, driver, spec, stranger):
        driver.apply(behaving(spec, "child"))  # whose child holds the lock
        found = until(driver, spec.service_id, "ready")
        os.kill(found.pid, signal.SIGKILL)
        status = folder_of(driver, spec).status
        facts = {"pid": stranger.pid, "created": psutil.Process(stranger.pid).create_time()}
        status.write_text(json.dumps(json.loads(status.read_bytes()) | facts))
        assert driver.observe(spec.service_id).state == "dead"
        until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))
        assert stranger.poll() is None

    def test_that_has_not_said_a_word_can_be_stopped(self, driver, spec):
        driver.apply(behaving(spec, "silent"))
        assert driver.observe(spec.service_id).state == "starting"
        until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))

    def test_whose_children_outlive_it_is_replaced_with_them(self, driver, spec):
        spec = behaving(spec, "child")
        driver.apply(spec)
        found = until(driver, spec.service_id, "ready")
        group = os.getpgid(found.pid)
        os.kill(found.pid, signal.SIGKILL)
        until(driver, spec.service_id, "ready", lambda: driver.apply(spec))
        assert not [process for process in psutil.process_iter() if _group(process) == group]


def set_clock_ahead(monkeypatch, *, seconds):
    """The kernel tells the start of a process by the clock of boot time, which moves with the clock of the day."""
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + seconds)


@pytest.fixture
def stranger():
    """A process of nobody's service."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _group(process):
    try:
        return os.getpgid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, psutil.Error):
        return None


class TestAFailure:
    def test_that_the_server_explains_keeps_its_words(self, driver, spec):
        driver.apply(behaving(spec, "failing"))
        failed = until(driver, spec.service_id, "failed")
        assert (failed.failure.reason, failed.failure.message) == ("init_failed", "init() raised KeyError: 'weights'")
        assert failed.failure.evidence == "Traceback …"

    @pytest.mark.parametrize(
        ("behaviour", "message"),
        [("exits", "The server ended with exit code 3."), ("segv", "The server was ended by SIGSEGV.")],
    )
    def test_without_a_word_is_explained_by_the_exit_status_and_the_log(self, driver, spec, behaviour, message):
        driver.apply(behaving(spec, behaviour))
        dead = until(driver, spec.service_id, "dead")
        assert (dead.failure.reason, dead.failure.message) == ("worker_crashed", message)
        assert "the stand-in begins" in dead.failure.evidence

    def test_by_the_kernels_memory_killer_is_told_from_other_kills(self, driver, spec, monkeypatch):
        driver.apply(spec)
        found = until(driver, spec.service_id, "ready")
        before = process.oom_kills()
        monkeypatch.setattr(process, "oom_kills", lambda: before + 1)
        os.kill(found.pid, signal.SIGKILL)
        assert until(driver, spec.service_id, "dead").failure.reason == "out_of_memory"

    def test_of_the_interpreter_is_ours(self, driver, spec):
        driver.apply(replace(spec, python=Path("/nowhere/python")))
        assert until(driver, spec.service_id, "dead").failure.reason == "internal"

    def test_by_a_taken_port_is_named(self, driver, spec):
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", spec.port))
            squatter.listen()
            driver.apply(spec)
            assert until(driver, spec.service_id, "failed").failure.reason == "port_taken"

    def test_of_the_whole_group_at_once_has_a_cause_and_a_time(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        process.kill(folder_of(driver, spec))
        dead = until(driver, spec.service_id, "dead")
        assert dead.failure.reason == "worker_crashed"
        assert driver.observe(spec.service_id).ended_at == dead.ended_at

    def test_is_counted_once_for_each_restart_and_forgotten_by_a_new_generation(self, driver, spec):
        spec = behaving(spec, "exits")
        counted = []
        for _ in range(3):
            driver.apply(spec)
            counted.append(until(driver, spec.service_id, "dead").restarts)
        driver.apply(replace(spec, generation=2))
        counted.append(until(driver, spec.service_id, "dead").restarts)
        assert counted == [0, 1, 2, 0]


class TestAStart:
    def test_of_two_at_once_never_gives_two_processes(self, driver, spec):
        import threading

        starts = [threading.Thread(target=local_driver(driver.root).apply, args=(spec,)) for _ in range(8)]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        until(driver, spec.service_id, "ready")
        assert driver.logs(spec.service_id)[0].count("the stand-in begins") == 1

    def test_is_not_ended_by_who_asked_for_the_end_of_what_was_there_before(self, driver, spec):
        folder = folder_of(driver, spec)
        library = driver.library

        def library_at_an_unlucky_moment():
            folder.stopping.touch()
            return library()

        driver.library = library_at_an_unlucky_moment
        driver.apply(spec)
        until(driver, spec.service_id, "ready")

    def test_that_comes_between_a_look_and_an_end_is_left_alone(self, driver, spec, monkeypatch):
        folder = folder_of(driver, spec)
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        old = Launch(generation=0, revision=0, recipe="old", port=1, started_at=0.0)
        looks, real = iter([old]), local.read_struct

        def look(path, kind):
            return next(looks, None) or real(path, kind) if kind is Launch else real(path, kind)

        monkeypatch.setattr(local, "read_struct", look)
        driver.apply(spec)

        assert not folder.stopping.exists()
        assert driver.observe(spec.service_id).state == "ready"

    @pytest.mark.parametrize("lost", ["group", "status.json", "launch.json", "run.json"])
    def test_that_lost_a_file_converges(self, driver, spec, lost):
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        (folder_of(driver, spec).path / lost).unlink()
        if lost == "launch.json":
            assert driver.observe(spec.service_id).state == "absent"
        newer = replace(spec, revision=2, generation=2)
        end = time.monotonic() + 15
        while time.monotonic() < end and driver.observe(spec.service_id).revision != 2:
            driver.apply(newer)
            time.sleep(0.05)
        assert until(driver, spec.service_id, "ready").revision == 2

    @pytest.mark.parametrize(
        ("changes", "missing"),
        [({"memory_bytes": 1 << 60}, "of memory; this machine has"), ({"cpus": 100000.0}, "100000 CPU cores")],
    )
    def test_that_asks_for_more_than_the_machine_has_finds_no_room(self, driver, spec, changes, missing):
        with pytest.raises(NoRoom, match=missing):
            driver.apply(replace(spec, **changes))
        assert driver.observe(spec.service_id).state == "absent"


def end(driver, spec):
    """Until no process is there."""
    until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))


@pytest.fixture
def rights_bind(monkeypatch):
    """Nothing is removed from a folder whose owner may not write to it, not even by the superuser."""

    def bound(remove):
        def only_where_allowed(path, *, dir_fd=None):
            folder = Path(path).parent if dir_fd is None else dir_fd
            if not os.stat(folder).st_mode & stat.S_IWUSR:
                raise PermissionError(f"{path}: the folder is read-only")
            remove(path, dir_fd=dir_fd)

        return only_where_allowed

    for name in ("unlink", "rmdir"):
        monkeypatch.setattr(os, name, bound(getattr(os, name)))


class TestTheFiles:
    def test_are_for_the_owner_only(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        folder = folder_of(driver, spec)
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        for path in (folder.keys, folder.run):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_new_keys_are_written_and_the_process_stays(self, driver, spec):
        driver.apply(spec)
        found = until(driver, spec.service_id, "ready")
        driver.apply(replace(spec, key_digests=("c" * 64,), generation=2))
        assert json.loads(folder_of(driver, spec).keys.read_bytes()) == {"digests": ["c" * 64]}
        assert driver.observe(spec.service_id).pid == found.pid

    def test_of_a_script_go_with_the_service_also_when_it_made_their_folder_read_only(
        self, driver, spec, tmp_path, rights_bind
    ):
        driver.apply(spec)
        end(driver, spec)
        elsewhere, module = tmp_path / "elsewhere", folder_of(driver, spec).home / "module"
        for folder in (elsewhere, module):
            folder.mkdir()
            (folder / "go.mod").touch()
        (module / "link").symlink_to(elsewhere)
        for folder in (elsewhere, module):
            folder.chmod(0o555)
        driver.remove(spec.service_id)
        assert not driver.holds(spec.service_id)
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o555
        assert (elsewhere / "go.mod").exists()

    def test_that_cannot_be_removed_are_named_and_go_when_they_can(self, driver, spec, monkeypatch):
        driver.apply(spec)
        end(driver, spec)
        held, unlink = folder_of(driver, spec).home / "held", os.unlink
        held.touch()

        def busy(path, **options):
            if Path(path).name == "held":
                raise PermissionError("busy")
            unlink(path, **options)

        with monkeypatch.context() as context:
            context.setattr(os, "unlink", busy)
            with pytest.raises(NotRemoved, match=f"cannot be removed: {held}\\."):
                driver.remove(spec.service_id)
        assert driver.holds(spec.service_id)
        driver.remove(spec.service_id)
        assert not driver.holds(spec.service_id)

    def test_the_log_is_capped_and_goes_on(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.driver.LOG_BYTES", 1000)
        driver.apply(spec)
        until(driver, spec.service_id, "ready")
        with folder_of(driver, spec).log.open("a") as log:
            log.write("x" * 2000)
        driver.observe(spec.service_id)
        assert driver.logs(spec.service_id) == ("", 0)
        assert (folder_of(driver, spec).path / "server.log.1").stat().st_size > 2000
