"""Kill -9, everywhere and at the worst moment: everything converges, and nothing that was acknowledged is lost.

The tests share one studio, in this order; each leaves it healthy.
"""

import hashlib
import os
import time
from contextlib import suppress

import httpx
import psutil
import pytest

from tests.breaking import (
    IRIS,
    call,
    children_of,
    deploy_with_new_build,
    frozen,
    full_disk,
    half_made,
    incoming,
    inspectors,
    is_of_a_service,
    masters_on,
    new_model,
    padded_model,
    run_of,
    slow_to_inspect,
    studio_orphans,
)
from tests.rest import Rest
from tests.slow_package import Gate, make_slow_package
from tests.stack import Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(not os.path.exists("/proc"), reason="kills by Linux's means")]

MIB = 1024 * 1024
SCRIPT = b"import slow_demo\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return slow_demo.ANSWER\n"
BACK_SECONDS = 5.0  # a service that was killed answers again
LEASE_SECONDS = 60  # a job whose worker was killed is taken up after its lease of 30 s, and done
EMBEDDED = not os.environ.get("REDIS_URL")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return Gate(tmp_path_factory.mktemp("gate") / "gate")


@pytest.fixture(scope="module")
def slow_requirement(tmp_path_factory, gate):
    folder = tmp_path_factory.mktemp("wheels")
    return folder, make_slow_package(folder, gate)


@pytest.fixture(scope="module")
def studio(tmp_path_factory, slow_requirement):
    small = {"SLIPWAY_CHUNK_BYTES": str(MIB), "SLIPWAY_TELEMETRY_SECONDS": "1"}
    with Stack(tmp_path_factory.mktemp("crash"), SLIPWAY_WHEELS=str(slow_requirement[0]), **small) as running:
        yield running


@pytest.fixture(scope="module")
def rest(studio):
    return Rest(studio)


@pytest.fixture(scope="module")
def iris(rest):
    version = rest.register("iris", IRIS / "model.onnx")
    rest.until_ready(version)
    return version


@pytest.fixture(scope="module")
def service(rest, iris):
    """The service that the tests of services kill, Healthy."""
    rest.deploy("iris", iris)
    return rest.until_healthy("iris")[0]


@pytest.fixture(autouse=True)
def healthy_in_the_end(studio):
    yield
    studio.wait_until_healthy()


@pytest.fixture
def report(record_property):
    """Note how long something took: in the test report, and on the screen with -s."""

    def note(what, seconds):
        record_property(what, round(seconds, 1))
        print(f"\n{what}: {seconds:.1f} s")  # noqa: T201 - for people who run it with -s

    return note


# --- uploads --------------------------------------------------------------------------------------


def test_an_upload_survives_kills_of_web_between_and_during_chunks(studio, rest, report):
    content = padded_model(3 * MIB + 4321)
    upload = rest.begin("model.onnx", content)
    assert rest.put(upload, 0, content[:MIB]).json()["received"] == MIB
    studio.kill("web")
    assert rest.get(f"uploads/{upload['id']}")["received"] == MIB

    def broken_off():
        yield content[MIB : MIB + MIB // 2]
        studio.kill("web")
        yield content[MIB + MIB // 2 : 2 * MIB]

    studio.wait_until_healthy()
    with pytest.raises(httpx.TransportError):
        rest.put(upload, MIB, broken_off(), MIB)
    assert rest.get(f"uploads/{upload['id']}")["received"] == MIB
    assert rest.send("PUT", f"uploads/{upload['id']}?offset=0", content=b"x").status_code == 409

    rest.send_rest(upload, content)
    digest = hashlib.sha256(content).hexdigest()
    assert rest.post(f"uploads/{upload['id']}/complete", {"sha256": digest})["sha256"] == digest
    version = rest.post("versions", {"name": "padded", "files": [upload["id"]]}, 201)["id"]
    found, seconds = rest.until_ready(version)
    report("upload through two kills of web, then inspected", seconds)
    assert found["files"] == [{"path": "model.onnx", "size": len(content), "sha256": digest}]
    assert incoming(studio) == []


def test_full_disk_is_an_error_and_later_uploads_work(studio, rest):
    content = padded_model(9 * MIB)
    upload = rest.begin("model.onnx", content)
    with full_disk(studio, 8 * MIB + MIB // 2):
        rest.send_rest(upload, content[: 8 * MIB])
        refused = rest.put(upload, 8 * MIB, content[8 * MIB : 9 * MIB])
        assert refused.status_code == 507
        assert refused.json()["errors"][0]["code"] == "storage_full"
        assert "disk is full" in refused.json()["errors"][0]["detail"]
        assert refused.json()["errors"][0]["hint"]
        assert rest.get(f"uploads/{upload['id']}")["received"] == 8 * MIB
        rest.until_ready(rest.register("while-full", IRIS / "model.onnx"))

    rest.send_rest(upload, content)
    assert rest.post(f"uploads/{upload['id']}/complete")["sha256"] == hashlib.sha256(content).hexdigest()
    assert rest.send("DELETE", f"uploads/{upload['id']}").status_code == 204
    assert incoming(studio) == []


# --- jobs -----------------------------------------------------------------------------------------


def begin_a_build(rest: Rest, iris: str, requirement: str) -> None:
    """Deploy a script whose environment takes until the gate opens."""
    environment = {"name": "slow", "python_version": "3.11", "requirements": [requirement]}
    rest.post("environments", environment, 201)
    config = {
        "name": "slow",
        "kind": "entry_script",
        "entry_script": "score.py",
        "files": [rest.upload("score.py", SCRIPT)],
        "environment": "slow:1",
    }
    rest.post("configs", config, 201)
    rest.deploy("slow", iris, config="slow:1")


def test_a_kill_of_the_workers_during_an_inspection_and_a_build(
    studio, rest, iris, gate, slow_requirement, tmp_path, report
):
    begin_a_build(rest, iris, slow_requirement[1])
    wait_for(gate.builders, 60, "the environment's build to begin")
    rest.register("broken-off", slow_to_inspect(tmp_path))
    [inspecting] = wait_for(lambda: inspectors(studio), 20, "an inspection under way")
    inspecting.suspend()  # until the worker is killed
    studio.kill("heavy")
    studio.kill("builds")
    with suppress(psutil.NoSuchProcess):  # suspended as soon as it was forked, it has yet to see that its parent ended
        inspecting.resume()
    assert rest.get("versions/broken-off:1")["state"] == "uploaded"
    killed = time.monotonic()

    wait_for(lambda: "attempt 2" in rest.get("services/slow/logs?source=build")["text"], LEASE_SECONDS, "attempt 2")
    report("the build's next attempt began after the kill", time.monotonic() - killed)
    rest.until_ready("broken-off:1", LEASE_SECONDS)
    report("inspection done after the kill", time.monotonic() - killed)
    gate.open()
    rest.until_healthy("slow")
    report("service Healthy after the kill", time.monotonic() - killed)

    wait_for(lambda: not inspecting.is_running(), 10, "the end of the killed worker's inspection")
    assert rest.send("POST", "services/slow/score", content=b"{}").json() == 42
    assert incoming(studio) == []
    wait_for(lambda: half_made(studio) == [], 10, "no half-made folder")
    # What the killed installer had started builds into its own draft and ends by itself now that the gate is open.
    wait_for(lambda: studio_orphans(gate) == [], 30, "no process of the killed worker")


# --- the programs, while a deployment is under way ------------------------------------------------


@pytest.mark.parametrize("program", ["quick", "clock", "web"])
def test_a_deployment_under_way_outlives(studio, rest, program, report):
    name = f"during-{program}"
    deploy_with_new_build(rest, name)
    studio.kill(program)
    began = time.monotonic()
    rest.until_healthy(name)
    report(f"Healthy although {program} was killed", time.monotonic() - began)

    rest.post(f"services/{name}/stop")
    studio.kill(program)
    began = time.monotonic()
    rest.until(f"services/{name}", lambda found: found["state"] == "Stopped", 40)
    report(f"Stopped although {program} was killed", time.monotonic() - began)


@pytest.mark.skipif(not EMBEDDED, reason="the broker is not ours to kill")
def test_message_lost_with_the_broker_is_sent_again(studio, rest, report):
    with frozen(studio.pids["builds"]):
        deploy_with_new_build(rest, "message-lost")
        studio.kill("broker")
    began = time.monotonic()
    rest.until_healthy("message-lost")
    report("Healthy although the broker died with its message", time.monotonic() - began)


@pytest.mark.skipif(not EMBEDDED, reason="the broker is not ours to kill")
def test_a_deployment_is_accepted_while_the_broker_is_down(studio, rest, report):
    version = new_model(rest, "without-broker")
    with frozen(studio.pids["up"]):  # so that nobody starts it again
        studio.kill("broker")
        began = time.monotonic()
        rest.deploy("without-broker", version)
        report("deploy answered 201 without a broker", time.monotonic() - began)
        time.sleep(1)
        assert rest.get("services/without-broker")["state"] == "Transitioning"
    began = time.monotonic()
    rest.until_healthy("without-broker")
    report("Healthy after the broker came back", time.monotonic() - began)


@pytest.mark.skipif(not EMBEDDED, reason="the broker is not ours to kill")
def test_worker_that_stopped_consuming_is_restarted(studio, rest, report):
    for attempt in range(5):  # on a busy machine no tick may be under way, or it ends when the broker is back
        worker = studio.pids["quick"]
        lose_the_broker_during_a_tick(studio)
        began = time.monotonic()
        deploy_with_new_build(rest, f"deaf-worker-{attempt}")
        rest.until_healthy(f"deaf-worker-{attempt}")
        seconds = time.monotonic() - began
        if studio.pids["quick"] != worker:
            report("Healthy although a worker had stopped consuming", seconds)
            return
        studio.wait_until_healthy()
    pytest.fail("no worker became deaf")


def lose_the_broker_during_a_tick(studio):
    """The worker cannot acknowledge what it has done, after which it may stop consuming."""
    [child] = children_of(studio, "quick")
    with frozen(studio.pids["up"]):  # so that nobody starts the broker again
        with frozen(child.pid):
            time.sleep(2)  # a tick begins
            studio.kill("broker")
        time.sleep(1.5)  # it ends


# --- the service itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["master", "worker"])
def test_a_killed_service_answers_again_within_five_seconds(studio, rest, service, victim, report):
    keys = rest.get("services/iris/keys")
    port = httpx.URL(service["scoring_uri"]).port

    def seconds_after_a_kill() -> float:
        master = run_of(studio, service)
        process = master if victim == "master" else master.children()[0]
        process.kill()
        began = time.monotonic()
        if victim == "master":
            process.wait(5)
        wait_for(lambda: not psutil.pid_exists(process.pid), 5, "the end of the killed process")
        wait_for(lambda: call(service, keys["primary"]) == 200, 20, "an answer")
        return time.monotonic() - began

    seconds = [seconds_after_a_kill()]
    while seconds[-1] > BACK_SECONDS and len(seconds) < 3:  # a busy machine may spoil one, not all
        time.sleep(2)
        seconds.append(seconds_after_a_kill())
    report(f"answers after a kill of its {victim}", min(seconds))

    assert min(seconds) < BACK_SECONDS
    assert len(masters_on(studio, port)) == 1
    assert rest.get("services/iris/keys") == keys
    after, _ = rest.until_healthy("iris")
    assert after["scoring_uri"] == service["scoring_uri"]


def test_a_kill_of_up_leaves_services_that_the_next_start_adopts(studio, rest, service, report):
    key = rest.get("services/iris/keys")["primary"]
    rest.until_healthy("iris")
    master = run_of(studio, service)
    session = {os.getsid(process.pid) for process in studio.processes() if is_of_a_service(process)}
    before = settled_requests(rest)

    studio.process.kill()
    studio.process.wait(5)
    wait_for(lambda: {os.getsid(each.pid) for each in studio.processes()} <= session, 10, "the end of its programs")
    assert all(call(service, key) == 200 for _ in range(40))
    time.sleep(3)  # several windows

    seconds = studio.start()
    report("start after a kill of up", seconds)
    rest.until_healthy("iris")
    assert run_of(studio, service).pid == master.pid
    assert [call(service, key) for _ in range(2)] == [200, 200]
    began = time.monotonic()
    wait_for(lambda: requests(rest) >= before + 42, 30, "the windows of the time without a studio")
    report("buffered telemetry arrived", time.monotonic() - began)
    assert settled_requests(rest) == before + 42


def requests(rest: Rest) -> int:
    return rest.get("services/iris/metrics?range=1h")["total"]["requests"]


def settled_requests(rest: Rest) -> int:
    """The count once no more windows come."""
    count = -1
    while (now := requests(rest)) != count:
        count = now
        time.sleep(3)
    return count


# --- after all this -------------------------------------------------------------------------------


def test_every_change_stands_in_the_audit_trail_once(studio, rest, service):
    names = [found["name"] for found in rest.get("services?page_size=100")["results"]]
    assert {"iris", "slow", "during-quick", "during-clock", "during-web"} <= set(names)
    for name in names:
        told = rest.actions("service", name)
        stopped = name.startswith("during-")
        counts = [
            told.count(f"service.{verb}") for verb in ("deployed", "build_succeeded", "revision_activated", "stopped")
        ]
        assert counts == [1, 1, 1, int(stopped)], (name, told)
    for version in rest.get("versions?page_size=100")["results"]:
        told = rest.actions("version", version["id"])
        assert told.count("version.registered") == told.count("version.accepted") == 1, (version["id"], told)
