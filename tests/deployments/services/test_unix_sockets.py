"""Services whose replicas answer at unix sockets alone: their address is the front's, and people try them from the page
all the same."""

import os
import socketserver
import tempfile
import threading
from pathlib import Path

import pytest

from deployments.errors import NotScorable
from deployments.models import Instance, Service
from deployments.services import scoring_client
from deployments.services.describe import describe
from deployments.targets.observation import Endpoint, Observation, Replica
from deployments.traffic import routing_file
from tests.deployments.services.test_scoring_client import DONE, Answering

pytestmark = pytest.mark.django_db


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def server():
    """An HTTP server at a unix socket."""
    with tempfile.TemporaryDirectory() as folder, Server(f"{folder}/score.sock", Answering) as made:
        made.pieces, made.heads = [DONE], []
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def at_socket(service, fake, server):
    """`at_socket(user)`: iris serves at the socket alone, which is said to be the user's."""

    def make(user: int, path: str = server.server_address) -> Service:
        fake.visit(service, 5)
        endpoints = (Endpoint("http", f"unix:{path}"),)
        replica = Replica(1, "ready", revision=1, endpoints=endpoints, serving=True, user=user)
        kept = Instance.objects.get().observed
        seen = kept | Observation((replica,)).as_dict()
        Instance.objects.update(observed=seen, endpoints=[{"protocol": "http", "address": f"unix:{path}"}])
        Service.objects.update(port=None)
        service.refresh_from_db()
        return service

    return make


def test_page_calls_it_at_the_socket(at_socket, server):
    assert scoring_client.score(at_socket(os.geteuid()), b"{}").body == b"{}"
    assert b"POST /score HTTP/1.1" in server.heads[-1]


def test_socket_of_another_user_is_not_called(at_socket, server):
    with pytest.raises(NotScorable, match=f"is no socket of user {os.geteuid() + 1}"):
        scoring_client.score(at_socket(os.geteuid() + 1), b"{}")
    assert server.heads == []


def test_link_in_place_of_the_socket_is_not_followed(at_socket, server, tmp_path):
    link = tmp_path / "score.sock"
    link.symlink_to(server.server_address)
    with pytest.raises(NotScorable):
        scoring_client.score(at_socket(os.geteuid(), str(link)), b"{}")
    assert server.heads == []


def test_its_address_is_the_fronts(at_socket, settings, monkeypatch):
    service = at_socket(os.geteuid())
    assert describe(service, with_values=False)["scoring_uri"] is None
    monkeypatch.setattr("deployments.services.describe.front_address_of", lambda _: "http://front/vision/iris")
    assert describe(service, with_values=False)["scoring_uri"] == "http://front/vision/iris/score"


def test_front_is_told_socket_and_owner(at_socket, server):
    service = at_socket(os.geteuid())
    [told] = routing_file.services_of(routing_file.rows())
    [replica] = told.revisions[0].replicas
    assert (replica.address, replica.owner) == (f"unix:{server.server_address}", os.geteuid())
    assert told.id == service.pk


def test_folder_of_the_socket_may_be_deeper_than_addresses_of_sockets_are_long(at_socket, server, tmp_path):
    deep = tmp_path.joinpath(*["folder-of-a-service"] * 8)
    deep.mkdir(parents=True)
    here = os.open(deep, os.O_RDONLY)
    with Server(f"/proc/self/fd/{here}/score.sock", Answering) as far:
        far.pieces, far.heads = [DONE], []
        threading.Thread(target=far.serve_forever, kwargs={"poll_interval": 0.05}).start()
        answer = scoring_client.score(at_socket(os.geteuid(), str(Path(deep, "score.sock"))), b"{}")
        far.shutdown()
    os.close(here)
    assert answer.status == 200
