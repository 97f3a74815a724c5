"""The unix socket through which replicas share the listening socket of an address."""

import os
import socket
import stat

import pytest

from scoring.process.handover import Handover, take

HOST = "127.0.0.1"


@pytest.fixture
def listener():
    with socket.create_server((HOST, 0)) as made:
        yield made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "handover.sock"


@pytest.fixture
def open_handover(path, listener):
    opened = []

    def make(at=path, handed=listener):
        opened.append(Handover(at, handed))
        opened[-1].offer()
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def port_of(listener):
    return listener.getsockname()[1]


def take_from(handover, path, port):
    """What somebody gets who asks while the replica answers."""
    with pytest.MonkeyPatch.context() as patch:
        received = socket.recv_fds

        def answered_first(*arguments):
            handover.answer()
            return received(*arguments)

        patch.setattr(socket, "recv_fds", answered_first)
        return take(path, HOST, port)


def test_received_socket_accepts_queued_connections_after_the_sender_closed_its_own(open_handover, path, listener):
    handover = open_handover()
    taken = take_from(handover, path, port_of(listener))
    with socket.create_connection(listener.getsockname()) as waiting, taken:
        listener.close()
        taken.setblocking(True)
        accepted, address = taken.accept()
        accepted.close()
        assert address == waiting.getsockname()
        assert not os.get_inheritable(taken.fileno())


def test_socket_path_may_exceed_the_length_limit_of_unix_sockets(open_handover, tmp_path, listener):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    handover = open_handover(folder / "handover.sock")
    take_from(handover, folder / "handover.sock", port_of(listener)).close()


def test_socket_file_is_accessible_to_its_owner_only(open_handover, path):
    open_handover()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_socket_is_not_handed_to_another_user(open_handover, path, listener, monkeypatch):
    handover = open_handover()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        handover.answer()
        assert asking.recv(1) == b""


def test_socket_is_not_accepted_from_another_user(open_handover, path, listener, monkeypatch):
    handover = open_handover()

    def answered_by_another_user(*arguments):
        raise AssertionError("it was asked for the socket")

    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(socket, "recv_fds", answered_by_another_user)
    assert take(path, HOST, port_of(listener)) is None
    handover.close()


def test_socket_bound_to_another_address_is_rejected(open_handover, path, listener):
    assert take_from(open_handover(), path, port_of(listener) + 1) is None


def test_socket_that_does_not_listen_is_rejected(open_handover, path):
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        assert take_from(open_handover(handed=bound), path, port_of(bound)) is None


@pytest.mark.parametrize("left_behind", [False, True])
def test_missing_or_stale_socket_file_yields_no_socket(path, listener, left_behind):
    if left_behind:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    assert take(path, HOST, port_of(listener)) is None


def test_second_replica_answers_after_the_first_has_closed(open_handover, path, listener):
    first, second = open_handover(), open_handover()
    assert first.server is not None
    assert second.server is None
    first.close()
    second.offer()
    take_from(second, path, port_of(listener)).close()


def test_deleted_socket_file_is_recreated(open_handover, path, listener):
    handover = open_handover()
    path.unlink()
    handover.offer()
    take_from(handover, path, port_of(listener)).close()


def test_missing_folder_is_logged_once(open_handover, tmp_path, capfd):
    handover = open_handover(tmp_path / "missing" / "handover.sock")
    handover.offer()
    assert handover.server is None
    assert capfd.readouterr().err.count("cannot take over the service's address") == 1
