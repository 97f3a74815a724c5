"""What is in the way of an engine's answer is named, whatever library found it."""

import os
import socket
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from deployments.engines import EngineClient, EngineProblem, facts_of, parse_address
from tests.deployments.engines.tls_engine import Authority, TlsEngine


def problem_with(address) -> EngineProblem:
    with pytest.raises(EngineProblem) as met:
        facts_of(EngineClient(address))
    assert met.value.hint
    return met.value


def test_missing_socket(tmp_path):
    problem = problem_with(parse_address(f"unix://{tmp_path}/none.sock"))
    assert problem.code == "socket_missing"
    assert f"{tmp_path}/none.sock" in problem.message


def test_socket_that_nobody_listens_at(tmp_path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "old.sock"))
    assert problem_with(parse_address(f"unix://{tmp_path}/old.sock")).code == "refused"


def test_socket_of_others(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    problem = problem_with(parse_address(f"unix://{tmp_path}/theirs.sock"))
    assert problem.code == "permission_denied"
    assert "group docker" in problem.hint


def test_port_that_nobody_listens_at():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert problem_with(parse_address(f"tcp://127.0.0.1:{port}")).code == "refused"


def test_name_that_cannot_be_resolved():
    assert problem_with(parse_address("tcp://no-such-host.invalid:1")).code == "name_unknown"


def test_engine_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = parse_address(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        assert problem_with(replace(address, seconds=0.3)).code == "timeout"


def test_ssh_without_a_server():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert problem_with(parse_address(f"ssh://deploy@127.0.0.1:{port}")).code == "refused"


def test_engine_that_ends_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def answer():
            with suppress(OSError):
                while True:
                    rude.accept()[0].close()

        threading.Thread(target=answer, daemon=True).start()
        assert problem_with(parse_address(f"tcp://127.0.0.1:{rude.getsockname()[1]}")).code == "disconnected"


# --- TLS


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
def secured(authority, tmp_path, docker_engine):
    """The engine of this machine behind TLS."""
    with TlsEngine(authority, authority.certify(), tmp_path, docker_engine.address.socket) as made:
        yield made


def address_of(secured, authority, client, **changes):
    given = {"ca": authority.pem, "certificate": client.certificate, "key": client.key} | changes
    return parse_address(f"tcp://127.0.0.1:{secured.port}", **given)


def test_engine_is_reached_with_certificates_from_texts(secured, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")  # decides nothing here
    address = address_of(secured, authority, authority.certify())
    before = set(os.listdir("/tmp"))
    assert facts_of(EngineClient(address)).version
    assert not [name for name in set(os.listdir("/tmp")) - before if name.endswith((".pem", ".key"))]


def test_engine_of_another_authority(secured, authority):
    stranger = Authority()
    address = address_of(secured, authority, authority.certify(), ca=stranger.pem)
    assert problem_with(address).code == "tls_untrusted"


def test_client_of_another_authority(secured, authority):
    assert problem_with(address_of(secured, authority, Authority().certify())).code == "tls_client_refused"


def test_client_without_a_certificate(secured, authority):
    assert problem_with(parse_address(f"tcp://127.0.0.1:{secured.port}", ca=authority.pem)).code == "tls_client_refused"


def test_engine_with_a_certificate_for_another_address(authority, tmp_path, docker_engine):
    with TlsEngine(authority, authority.certify("192.0.2.1"), tmp_path, docker_engine.address.socket) as made:
        problem = problem_with(address_of(made, authority, authority.certify()))
    assert problem.code == "tls_host"
    assert "127.0.0.1" in problem.message


def test_engine_whose_certificate_has_expired(authority, tmp_path, docker_engine):
    with TlsEngine(authority, authority.certify(days=-1), tmp_path, docker_engine.address.socket) as made:
        assert problem_with(address_of(made, authority, authority.certify())).code == "tls_expired"


def test_plain_connection_to_an_engine_behind_tls(secured):
    problem = problem_with(parse_address(f"tcp://127.0.0.1:{secured.port}"))
    assert problem.code in {"disconnected", "tls_required"}


def test_tls_towards_a_plain_engine(authority, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer():
            with suppress(OSError):
                while True:
                    caller = plain.accept()[0]
                    caller.recv(65536)
                    caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    caller.close()

        threading.Thread(target=answer, daemon=True).start()
        address = parse_address(f"tcp://127.0.0.1:{plain.getsockname()[1]}", ca=authority.pem)
        assert problem_with(address).code == "tls_mismatch"


@pytest.mark.parametrize("broken", [{"ca": "no PEM"}, {"key": "no PEM"}])
def test_texts_that_are_no_certificates(authority, broken):
    client = authority.certify()
    given = {"ca": authority.pem, "certificate": client.certificate, "key": client.key} | broken
    assert problem_with(parse_address("tcp://127.0.0.1:1", **given)).code == "tls_material"


# --- the engine itself


def test_facts_of_the_engine(docker_engine):
    found = facts_of(docker_engine)
    assert found.system == "linux"
    assert found.cpus > 0
    assert found.memory_bytes > 1 << 28
