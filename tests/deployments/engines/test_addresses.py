"""Addresses of engines as people write them."""

import pytest

from deployments.engines import parse_address
from studio.core.errors import BadInput


@pytest.mark.parametrize(
    ("host", "transport", "machine", "port"),
    [
        ("", "unix", "", None),
        ("unix:///run/docker.sock", "unix", "", None),
        ("tcp://box:2375", "tcp", "box", 2375),
        ("tcp://box", "tcp", "box", 2375),
        ("ssh://deploy@box:2222", "ssh", "box", 2222),
    ],
)
def test_address_tells_how_and_where(host, transport, machine, port):
    found = parse_address(host)
    assert (found.transport, found.machine, found.port) == (transport, machine, port)


def test_tls_has_a_port_of_its_own():
    found = parse_address("tcp://box", ca="PEM")
    assert (found.port, found.base_url) == (2376, "https://box:2376")


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"host": "http://box"}, "host", "must begin with unix://, tcp:// or ssh://"),
        ({"host": "docker.sock"}, "host", "must begin with unix://"),
        ({"host": "unix://docker.sock"}, "host", "names no absolute path"),
        ({"host": "tcp://box:99999"}, "host", "is no address of an engine"),
        ({"host": "tcp://box:0"}, "host", "Port 0"),
        ({"host": "tcp://box/v1"}, "host", "must be tcp://host"),
        ({"host": "ssh://-oProxyCommand=sh"}, "host", "must be ssh://host"),
        ({"host": "ssh://me:secret@box"}, "host", "holds no password"),  # pragma: allowlist secret
        ({"host": "tcp://box", "certificate": "PEM"}, "key", "key is missing"),
        ({"host": "tcp://box", "key": "PEM"}, "certificate", "certificate is missing"),
        ({"host": "unix:///run/docker.sock", "ca": "PEM"}, "host", "TLS is for tcp://"),
    ],
)
def test_impossible_address_names_the_field(given, field, sentence):
    with pytest.raises(BadInput, match=sentence) as refused:
        parse_address(**given)
    assert refused.value.field == field
    assert refused.value.hint


def test_password_and_key_are_not_in_what_is_printed():
    assert "secret" not in repr(parse_address("tcp://box", certificate="secret", key="secret", ca="secret"))
