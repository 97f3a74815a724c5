"""Deployments while programs of the studio or the broker are killed."""

import os
import time

import pytest

from tests.breaking import children_of, deploy_with_new_build, frozen, new_model

pytestmark = pytest.mark.stack
needs_embedded_broker = pytest.mark.skipif(bool(os.environ.get("REDIS_URL")), reason="the broker is not ours to kill")


@pytest.mark.parametrize("program", ["quick", "clock", "web"])
def test_deployment_finishes_although_a_program_is_killed(studio, rest, program, report, assert_recorded_once):
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
    assert_recorded_once("service", name, "deployed", "build_succeeded", "revision_activated", "stopped")


@needs_embedded_broker
def test_message_lost_with_the_broker_is_sent_again(studio, rest, report, assert_recorded_once):
    with frozen(studio.pids["builds"]):
        deploy_with_new_build(rest, "message-lost")
        studio.kill("broker")
    began = time.monotonic()
    rest.until_healthy("message-lost")
    report("Healthy although the broker died with its message", time.monotonic() - began)
    assert_recorded_once("service", "message-lost", "deployed", "build_succeeded", "revision_activated")


@needs_embedded_broker
def test_deployment_is_accepted_without_a_broker(studio, rest, report, assert_recorded_once):
    version = new_model(rest, "without-broker")
    with frozen(studio.pids["up"]):  # which would restart it
        studio.kill("broker")
        began = time.monotonic()
        rest.deploy("without-broker", version)
        report("deploy answered 201 without a broker", time.monotonic() - began)
        time.sleep(1)
        assert rest.get("services/without-broker")["state"] == "Transitioning"
    began = time.monotonic()
    rest.until_healthy("without-broker")
    report("Healthy after the broker came back", time.monotonic() - began)
    assert_recorded_once("service", "without-broker", "deployed", "build_succeeded", "revision_activated")


@needs_embedded_broker
def test_worker_that_stopped_consuming_is_restarted(studio, rest, report):
    for attempt in range(5):  # on a busy machine the tick may not run at that moment, or end after the restart
        worker = studio.pids["quick"]
        lose_the_broker_during_a_tick(studio)
        began = time.monotonic()
        deploy_with_new_build(rest, f"stalled-worker-{attempt}")
        rest.until_healthy(f"stalled-worker-{attempt}")
        seconds = time.monotonic() - began
        if studio.pids["quick"] != worker:
            report("Healthy although a worker had stopped consuming", seconds)
            return
        studio.wait_until_healthy()
    pytest.fail("no worker stopped consuming")


def lose_the_broker_during_a_tick(studio):
    """The worker cannot acknowledge its task, after which it may stop consuming."""
    [child] = children_of(studio, "quick")
    with frozen(studio.pids["up"]):  # which would restart the broker
        with frozen(child.pid):
            time.sleep(2)  # a tick begins
            studio.kill("broker")
        time.sleep(1.5)  # it ends
