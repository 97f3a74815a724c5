"""The local driver with a stand-in server: processes, locks, signals, files, and what version 0.1.0 left."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from deployments.targets.base import NoRoom, NotRemoved
from deployments.targets.local import driver as local
from deployments.targets.local import process
from deployments.targets.local.driver import LocalDriver
from deployments.targets.local.run_folder import Launch, RunFolder
from tests.targets.contract import DriverContract, gone, known, served, until
from tests.targets.specs import free_port, make_route, make_spec, next_of

STAND_IN = Path(__file__).parent / "standin"


def local_driver(root: Path, python: Path = Path(sys.executable)) -> LocalDriver:
    return LocalDriver(root, lambda: STAND_IN, bundle_at=lambda digest: root / digest, python_at=lambda digest: python)


@pytest.fixture
def make_driver(tmp_path):
    root = tmp_path / "services"
    yield lambda: local_driver(root)
    for lock in root.rglob("lock"):
        process.kill(RunFolder(lock.parent))


@pytest.fixture
def spec():
    return make_spec()


@pytest.fixture
def route(spec):
    return make_route(spec, free_port())


@pytest.fixture
def driver(make_driver, route):
    """One that knows the service's address."""
    made = make_driver()
    known(made, route)
    return made


def folder_of(driver, spec) -> RunFolder:
    return RunFolder(driver.root / str(spec.ref.service_id) / str(spec.ref.instance_id))


def pid_of(driver, ref) -> int:
    folder = RunFolder(driver.root / str(ref.service_id) / str(ref.instance_id))
    return json.loads(folder.status.read_bytes())["pid"]


def behaving(spec, behaviour, **changes):
    return replace(spec, environment_variables={"BEHAVIOUR": behaviour}, **changes)


def ask(driver, spec) -> dict:
    """What the instance answers at its own endpoint."""
    with urllib.request.urlopen(driver.observe(spec.ref).endpoints[0].address, timeout=5) as answer:
        return json.load(answer)


class TestLocalDriver(DriverContract):
    @pytest.fixture
    def driver(self, make_driver):
        return make_driver()

    @pytest.fixture
    def other_driver(self, tmp_path):
        return local_driver(tmp_path / "other")

    def kill(self, driver, ref):
        os.kill(pid_of(driver, ref), signal.SIGKILL)

    def who_answers(self, driver, route):
        try:
            with urllib.request.urlopen(f"http://{route.host}:{route.port}/", timeout=5) as answer:
                return json.load(answer)["revision"]
        except urllib.error.URLError:
            return None


class TestAProcess:
    def test_belongs_to_no_worker_and_leads_no_terminal(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        server = psutil.Process(pid_of(driver, spec.ref))
        assert os.getpid() not in {parent.pid for parent in server.parents()}
        assert os.getsid(server.pid) != os.getsid(0)

    def test_survives_the_worker_that_started_it_and_is_adopted_by_the_next(self, driver, spec):
        script = textwrap.dedent(
            f"""
            import os, sys
            sys.path.insert(0, {str(Path.cwd())!r})
            os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
            from pathlib import Path
            from tests.targets.test_local_driver import local_driver
            from tests.targets.specs import free_port, make_route, make_spec, next_of
            local_driver(Path({str(driver.root)!r})).apply(make_spec())
            os.kill(os.getpid(), 9)
            """
        )
        worker = subprocess.run([sys.executable, "-c", script], check=False)
        assert worker.returncode == -signal.SIGKILL
        adopted = until(driver, spec.ref, "ready")
        driver.apply(spec)
        assert driver.observe(spec.ref).started_at == adopted.started_at

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
        until(driver, spec.ref, "ready")
        found = ask(driver, spec)
        assert "secret" not in found["environment"].values()
        assert found["environment"]["THRESHOLD"] == "0.5"
        assert found["environment"]["HOME"] == str(folder_of(driver, spec).home)

    def test_is_kept_from_reporting_usage_unless_its_own_variables_say_otherwise(self, driver, spec):
        driver.apply(replace(spec, environment_variables={"MLFLOW_DISABLE_TELEMETRY": "false"}))
        until(driver, spec.ref, "ready")
        environment = ask(driver, spec)["environment"]
        assert environment["ORT_DISABLE_TELEMETRY"] == "1"
        assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"

    def test_starts_without_the_device_id_that_an_earlier_one_left_in_its_home(self, driver, spec, tmp_path):
        home = folder_of(driver, spec).home
        (home / ".cache/Microsoft/DeveloperTools/.onnxruntime").mkdir(parents=True)
        (home / ".cache/Microsoft/DeveloperTools/.onnxruntime/deviceid").write_text("0")
        (home / ".cache/kept").write_text("")
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        assert [path.name for path in home.rglob("*") if path.is_file()] == ["kept"]

    def test_its_home_is_not_swept_through_a_link(self, driver, spec, tmp_path):
        elsewhere = tmp_path / "elsewhere/Microsoft/DeveloperTools/.onnxruntime"
        elsewhere.mkdir(parents=True)
        home = folder_of(driver, spec).home
        home.mkdir(parents=True)
        (home / ".cache").symlink_to(tmp_path / "elsewhere")
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        assert elsewhere.is_dir()

    def test_finds_the_scoring_package_and_nothing_else_of_the_studio(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        assert str(STAND_IN) in ask(driver, spec)["path"]
        assert str(Path.cwd()) not in ask(driver, spec)["path"]

    def test_that_does_not_answer_is_unreachable_until_it_does(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.reports.PROBE_SECONDS", 0.2)
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        os.kill(pid_of(driver, spec.ref), signal.SIGSTOP)
        assert driver.observe(spec.ref).state == "unreachable"
        os.kill(pid_of(driver, spec.ref), signal.SIGCONT)
        until(driver, spec.ref, "ready")

    def test_that_ignores_the_polite_signal_is_killed(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.driver.TERM_SECONDS", 0.3)
        driver.apply(behaving(spec, "stubborn"))
        until(driver, spec.ref, "ready")
        pid = pid_of(driver, spec.ref)
        driver.stop(spec.ref)
        assert driver.observe(spec.ref).state == "stopping"
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        assert not _runs(pid)

    def test_is_known_again_after_somebody_has_set_the_clock(self, driver, spec, monkeypatch):
        driver.apply(spec)
        before = until(driver, spec.ref, "ready")
        set_clock_ahead(monkeypatch, seconds=3600)
        driver.apply(spec)
        after = driver.observe(spec.ref)
        assert (after.state, after.started_at, after.restarts) == ("ready", before.started_at, 0)
        assert _runs(pid_of(driver, spec.ref))

    def test_is_not_taken_for_a_stranger_that_got_its_number(self, driver, spec, stranger):
        driver.apply(behaving(spec, "child"))  # whose child holds the lock
        until(driver, spec.ref, "ready")
        os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
        status = folder_of(driver, spec).status
        facts = {"pid": stranger.pid, "created": psutil.Process(stranger.pid).create_time()}
        status.write_text(json.dumps(json.loads(status.read_bytes()) | facts))
        assert driver.observe(spec.ref).state == "dead"
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        assert stranger.poll() is None

    def test_that_has_not_said_a_word_can_be_stopped(self, driver, spec):
        driver.apply(behaving(spec, "silent"))
        assert driver.observe(spec.ref).state == "starting"
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))

    def test_that_was_stopped_does_not_serve_unasked_although_nobody_cleared_up_after_it(self, driver, spec, route):
        served(driver, spec, route)
        driver.stop(spec.ref)
        until(driver, spec.ref, "absent")
        assert not until(driver, spec.ref, "ready", lambda: driver.apply(spec)).serving
        assert not folder_of(driver, spec).serving.exists()

    def test_whose_children_outlive_it_is_replaced_with_them(self, driver, spec):
        spec = behaving(spec, "child")
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        group = os.getpgid(pid_of(driver, spec.ref))
        os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
        until(driver, spec.ref, "ready", lambda: driver.apply(spec))
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
        failed = until(driver, spec.ref, "failed")
        assert (failed.failure.reason, failed.failure.message) == ("init_failed", "init() raised KeyError: 'weights'")
        assert failed.failure.evidence == "Traceback …"

    @pytest.mark.parametrize(
        ("behaviour", "message"),
        [("exits", "The server ended with exit code 3."), ("segv", "The server was ended by SIGSEGV.")],
    )
    def test_without_a_word_is_explained_by_the_exit_status_and_the_log(self, driver, spec, behaviour, message):
        driver.apply(behaving(spec, behaviour))
        dead = until(driver, spec.ref, "dead")
        assert (dead.failure.reason, dead.failure.message) == ("worker_crashed", message)
        assert "the stand-in begins" in dead.failure.evidence

    def test_by_the_kernels_memory_killer_is_told_from_other_kills(self, driver, spec, monkeypatch):
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        before = process.oom_kills()
        monkeypatch.setattr(process, "oom_kills", lambda: before + 1)
        os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
        assert until(driver, spec.ref, "dead").failure.reason == "out_of_memory"

    def test_of_the_interpreter_is_ours(self, driver, spec):
        driver.python_at = lambda digest: Path("/nowhere/python")
        driver.apply(spec)
        assert until(driver, spec.ref, "dead").failure.reason == "internal"

    def test_by_a_taken_port_is_named(self, driver, spec, route):
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", route.port))
            squatter.listen()
            driver.apply(spec)
            assert until(driver, spec.ref, "failed").failure.reason == "port_taken"

    def test_of_the_whole_group_at_once_has_a_cause_and_a_time(self, driver, spec):
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        process.kill(folder_of(driver, spec))
        dead = until(driver, spec.ref, "dead")
        assert dead.failure.reason == "worker_crashed"
        assert driver.observe(spec.ref).ended_at == dead.ended_at

    def test_is_counted_once_for_each_restart_and_forgotten_by_a_new_generation(self, driver, spec):
        spec = behaving(spec, "exits")
        counted = []
        for _ in range(3):
            driver.apply(spec)
            counted.append(until(driver, spec.ref, "dead").restarts)
        driver.apply(replace(spec, generation=2))
        counted.append(until(driver, spec.ref, "dead").restarts)
        assert counted == [0, 1, 2, 0]


class TestAStart:
    def test_of_two_at_once_never_gives_two_processes(self, driver, spec):
        import threading

        starts = [threading.Thread(target=local_driver(driver.root).apply, args=(spec,)) for _ in range(8)]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        until(driver, spec.ref, "ready")
        assert driver.logs(spec.ref)[0].count("the stand-in begins") == 1

    def test_is_not_ended_by_who_asked_for_the_end_of_what_was_there_before(self, driver, spec):
        folder = folder_of(driver, spec)
        library = driver.library

        def library_at_an_unlucky_moment():
            folder.stopping.touch()
            return library()

        driver.library = library_at_an_unlucky_moment
        driver.apply(spec)
        until(driver, spec.ref, "ready")

    def test_that_comes_between_a_look_and_an_end_is_left_alone(self, driver, spec, monkeypatch):
        folder = folder_of(driver, spec)
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        old = Launch(generation=0, revision=0, recipe="old", port=1, started_at=0.0)
        looks, real = iter([old]), local.read_struct

        def look(path, kind):
            return next(looks, None) or real(path, kind) if kind is Launch else real(path, kind)

        monkeypatch.setattr(local, "read_struct", look)
        driver.apply(spec)

        assert not folder.stopping.exists()
        assert driver.observe(spec.ref).state == "ready"

    @pytest.mark.parametrize("lost", ["group", "status.json", "launch.json", "run.json"])
    def test_that_lost_a_file_converges(self, driver, spec, lost):
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        (folder_of(driver, spec).path / lost).unlink()
        if lost == "launch.json":
            assert driver.observe(spec.ref).state == "absent"
        changed = replace(spec, recipe="c" * 64, generation=2)
        before = json.loads(folder_of(driver, spec).run.read_bytes()) if lost != "run.json" else {}
        end = time.monotonic() + 15
        while time.monotonic() < end and recipe_of(driver, spec) != changed.recipe:
            driver.apply(changed)
            time.sleep(0.05)
        assert before.get("recipe") != recipe_of(driver, spec)
        until(driver, spec.ref, "ready")

    @pytest.mark.parametrize(
        ("changes", "missing"),
        [({"memory_bytes": 1 << 60}, "of memory; this machine has"), ({"cpus": 100000.0}, "100000 CPU cores")],
    )
    def test_that_asks_for_more_than_the_machine_has_finds_no_room(self, driver, spec, changes, missing):
        with pytest.raises(NoRoom, match=missing):
            driver.apply(replace(spec, **changes))
        assert driver.observe(spec.ref).state == "absent"


def recipe_of(driver, spec) -> str | None:
    """Of what was started last."""
    run = folder_of(driver, spec).run
    return json.loads(run.read_bytes())["recipe"] if run.exists() else None


def end(driver, spec):
    """Until no process is there."""
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))


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
        until(driver, spec.ref, "ready")
        folder = folder_of(driver, spec)
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        for path in (folder.keys, folder.run):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_new_keys_are_written_and_the_process_stays(self, driver, spec):
        driver.apply(spec)
        found = until(driver, spec.ref, "ready")
        driver.apply(replace(spec, key_digests=("c" * 64,), generation=2))
        assert json.loads(folder_of(driver, spec).keys.read_bytes()) == {"digests": ["c" * 64]}
        assert driver.observe(spec.ref).started_at == found.started_at

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
        driver.remove(spec.ref)
        assert not driver.holds(spec.ref)
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
                driver.remove(spec.ref)
        assert driver.holds(spec.ref)
        driver.remove(spec.ref)
        assert not driver.holds(spec.ref)

    def test_the_log_is_capped_and_goes_on(self, driver, spec, monkeypatch):
        monkeypatch.setattr("deployments.targets.local.driver.LOG_BYTES", 1000)
        driver.apply(spec)
        until(driver, spec.ref, "ready")
        with folder_of(driver, spec).log.open("a") as log:
            log.write("x" * 2000)
        driver.observe(spec.ref)
        assert driver.logs(spec.ref) == ("", 0)
        assert (folder_of(driver, spec).path / "server.log.1").stat().st_size > 2000


@pytest.fixture
def adopted(driver, spec, route):
    """A process of version 0.1.0: in the service's own folder, and always at the service's address."""
    folder = RunFolder(driver.root / str(spec.ref.service_id))
    folder.home.mkdir(parents=True)
    (folder.home / "kept").touch()
    run = {"revision": spec.ref.revision, "recipe": spec.recipe, "port": route.port}
    folder.run.write_text(json.dumps(run))
    launch = Launch(generation=1, recipe=spec.recipe, started_at=time.time(), revision=1, port=route.port)
    folder.launch.write_bytes(msgspec.json.encode(launch))
    folder.log.write_text("--- revision 1 starts ---\n")
    environment = {"PYTHONPATH": str(STAND_IN), "BEHAVIOUR": "always", "PATH": os.environ["PATH"]}
    with process.locked(folder) as lock:
        process.spawn(folder, [sys.executable, "-m", "scoring", str(folder.run)], environment, lock)
    return until(driver, spec.ref, "ready")


class TestVersion01:
    def test_a_running_process_is_adopted_and_left_alone(self, driver, spec, adopted):
        driver.apply(spec)
        found = driver.observe(spec.ref)
        assert (found.state, found.serving, found.started_at) == ("ready", True, adopted.started_at)
        assert driver.observe(next_of(spec).ref).state == "absent"

    def test_its_files_move_to_the_instance_when_it_is_started_again(self, driver, spec, adopted):
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        until(driver, spec.ref, "ready", lambda: driver.apply(spec))
        assert driver.logs(spec.ref)[0].startswith("--- revision 1 starts ---")
        assert (folder_of(driver, spec).home / "kept").exists()
        assert {path.name for path in folder_of(driver, spec).path.parent.iterdir()} <= {"70", "address.json"}

    def test_the_next_revision_starts_once_it_has_ended(self, driver, spec, route, adopted):
        newer = next_of(spec)
        until(driver, newer.ref, "ready", lambda: driver.apply(newer))
        assert driver.observe(spec.ref).state == "absent"
        assert served(driver, spec, route).started_at > adopted.started_at

    def test_removing_it_leaves_nothing_of_the_service(self, driver, spec, adopted):
        gone(driver, spec.ref)
        assert not (driver.root / str(spec.ref.service_id)).exists()

    def test_removing_another_revision_leaves_it_alone(self, driver, spec, adopted):
        driver.remove(next_of(spec).ref)
        assert driver.observe(spec.ref).state == "ready"
