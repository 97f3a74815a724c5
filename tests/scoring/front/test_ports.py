"""Other ports and protocols: TLS, redirects to it, gRPC."""

import signal
import socket
import ssl
import threading
from contextlib import suppress

import httpx
import pytest

from bench.machine import free_port
from scoring.front_contract import FrontReplica, FrontRevision
from tests.scoring.front.fronts import AUTH, revision, service


def test_a_front_with_a_certificate_of_its_own_speaks_https_and_sends_http_there(own_front, stub):
    redirect = free_port()
    front = own_front(self_signed=True, names=["localhost", "127.0.0.1"], redirect_port=redirect)
    replica = stub()
    front.start(service(revision(1, replica)))
    trusted = ssl.create_default_context(cafile=str(front.folder / "front" / "self-signed.pem"))
    for host in ("127.0.0.1", "localhost"):
        answer = httpx.post(f"https://{host}:{front.port}/default/iris/score", content=b"{}", headers=AUTH,
                            verify=trusted, trust_env=False)  # fmt: skip
        assert answer.status_code == 200
    assert replica.scored()[-1].headers["x-forwarded-proto"] == "https"
    answer = httpx.get(f"http://127.0.0.1:{redirect}/default/iris/score?a=1", trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://127.0.0.1:{front.port}/default/iris/score?a=1"
    assert (front.folder / "front" / "self-signed.key").stat().st_mode & 0o777 == 0o600


def test_a_redirect_goes_nowhere_but_to_the_host_that_was_asked(own_front, stub):
    redirect = free_port()
    front = own_front(self_signed=True, names=["127.0.0.1"], redirect_port=redirect).start()
    assert front.applied() == front.number
    for head in (b"GET //evil.example/ HTTP/1.1\r\nHost: good\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", redirect), timeout=10) as connection:
            connection.sendall(head)
            answer = connection.makefile("rb").read()
        location = answer.partition(b"location: ")[2].split(b"\r\n")[0]
        assert location in (b"", b"https://good:%d//evil.example/" % front.port)


def test_plain_http_at_a_port_that_speaks_tls_harms_nobody(own_front, stub):
    front = own_front(self_signed=True, names=["127.0.0.1"]).start(service(revision(1, stub())))
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.settimeout(10)
        while connection.recv(100):
            pass
    assert front.applied() == front.number


def test_grpc_is_passed_through_to_the_default_revision(front, echoing):
    port = free_port()
    front.route(service(FrontRevision(number=1, replicas=[echoing]), grpc_port=port))
    front.until(lambda: listens(port))
    sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"x" * 500_000
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        assert connection.makefile("rb").read(len(sent)) == sent
    front.route(service(FrontRevision(number=1)))
    front.until(lambda: not listens(port))


def test_a_port_for_grpc_that_is_taken_is_opened_when_it_is_free(own_front, echoing):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        front = own_front().start(service(FrontRevision(number=1, replicas=[echoing]), grpc_port=port))
        front.until(lambda: f"gRPC cannot be passed on from port {port}, trying again" in front.log())
    front.until(lambda: echoes(port))


def test_ports_for_grpc_and_redirects_are_handed_over_with_what_waits_in_their_queues(own_front, echoing):
    redirect, port = free_port(), free_port()
    front = own_front(self_signed=True, names=["127.0.0.1"], redirect_port=redirect)
    front.start(service(FrontRevision(number=1, replicas=[echoing]), grpc_port=port))
    front.until(lambda: echoes(port))
    done, lost = threading.Event(), []

    def connect():
        while not done.is_set():
            for works, number in ((echoes, port), (redirects, redirect)):
                try:
                    assert works(number)
                except (OSError, AssertionError) as error:
                    lost.append((number, repr(error)))

    clients = [threading.Thread(target=connect) for _ in range(4)]
    for client in clients:
        client.start()
    first, before = front.process, front.state()["front"]
    front.process.send_signal(signal.SIGHUP)
    front.until(lambda: front.state()["front"] != before)
    front.until((front.folder / "front" / "redirect.sock").exists)
    front.process = front.launch()
    assert first.wait(30) == 0
    done.set()
    for client in clients:
        client.join()
    assert lost == []


@pytest.fixture
def echoing():
    """A replica that sends back what it gets where it should speak gRPC."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

    def echo(connection):
        with connection, suppress(OSError):
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    threading.Thread(target=accept, daemon=True).start()
    yield FrontReplica(id="1", address="127.0.0.1:1", grpc=f"127.0.0.1:{listener.getsockname()[1]}")
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def listens(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def echoes(port) -> bool:
    with socket.socket() as connection:
        connection.settimeout(10)
        if connection.connect_ex(("127.0.0.1", port)):
            return False
        connection.sendall(b"hello")
        return connection.recv(5) == b"hello"


def redirects(port) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return connection.recv(12) == b"HTTP/1.1 308"
