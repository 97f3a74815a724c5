"""Other ports and protocols: TLS, redirects to it, gRPC."""

import socket
import ssl
import threading

import httpx

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


def test_grpc_is_passed_through_to_the_default_revision(front):
    listener = socket.create_server(("127.0.0.1", 0))

    def echo():
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    threading.Thread(target=echo, daemon=True).start()
    found = FrontReplica(id="1", address="127.0.0.1:1", grpc=f"127.0.0.1:{listener.getsockname()[1]}")
    port = free_port()
    front.route(service(FrontRevision(number=1, replicas=[found]), grpc_port=port))
    sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"x" * 500_000

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    front.until(lambda: "routing file" in front.log())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        got = b""
        while len(got) < len(sent):
            got += connection.recv(1 << 16)
    assert got == sent
    front.route(service(FrontRevision(number=1)))
    front.until(lambda: not listens())
    listener.close()
