"""A worker that is killed between any two calls to the engine leaves nothing that the next one does not put right."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from deployments.engines import EngineClient
from tests.targets.contract import gone, until
from tests.targets.docker.containers import container_of, docker_driver


class Killed(BaseException):
    """As kill -9: nothing that follows is done."""


@contextmanager
def killed_after(monkeypatch, calls: int) -> Iterator[list[str]]:
    """The calls that change something at the engine, of which the last one has been carried out."""
    made: list[str] = []
    send = EngineClient.send

    def send_then_die(client, request, **options):
        answer = send(client, request, **options)
        if request.method in ("POST", "DELETE", "PUT"):
            made.append(f"{request.method} {request.path_url}")
            if len(made) >= calls:
                raise Killed
        return answer

    with monkeypatch.context() as context, suppress(Killed):
        context.setattr(EngineClient, "send", send_then_die)
        yield made


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_start_that_was_cut_off_is_finished_by_the_next(
    make_driver, make_copying, spec, docker_engine, monkeypatch, calls, copies
):
    make = make_copying if copies else make_driver
    with killed_after(monkeypatch, calls):
        make().apply(spec)
    found = until(make(), spec.ref, "ready", lambda: make().apply(spec))
    assert (found.restarts, found.failure) == (0, None)
    assert container_of(docker_engine, spec)  # exactly one


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_restart_that_was_cut_off_counts_once(make_driver, spec, docker_engine, monkeypatch, calls):
    make_driver().apply(spec)
    until(make_driver(), spec.ref, "ready")
    docker_engine.kill(container_of(docker_engine, spec))
    until(make_driver(), spec.ref, "dead")
    with killed_after(monkeypatch, calls):
        make_driver().apply(spec)
    found = until(make_driver(), spec.ref, "ready", lambda: make_driver().apply(spec))
    assert found.restarts == 1


@pytest.mark.parametrize("calls", [1, 2])
def test_removal_that_was_cut_off_is_finished_by_the_next(make_driver, spec, docker_engine, monkeypatch, calls):
    make_driver().apply(spec)
    until(make_driver(), spec.ref, "ready")
    with killed_after(monkeypatch, calls):
        for _ in range(50):
            make_driver().remove(spec.ref)
    gone(make_driver(), spec.ref)


def test_two_workers_start_one_container(tmp_path, studio, spec, docker_engine):
    workers = [
        threading.Thread(target=lambda: docker_driver(tmp_path, studio).apply(spec), daemon=True) for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    until(docker_driver(tmp_path, studio), spec.ref, "ready")
    assert docker_driver(tmp_path, studio).logs(spec.ref)[0].count("starts in a container") == 1
