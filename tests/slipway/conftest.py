"""The command line against a studio in memory, with a home folder of its own."""

import io
import sys
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from slipway import cli, profiles, transport, waiting
from slipway.client import Client
from tests.slipway.fake import TOKEN, FakeStudio

URL = "http://studio.test"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nobody's real configuration is read or written, and nobody waits."""
    for name in ("SLIPWAY_URL", "SLIPWAY_TOKEN", "SLIPWAY_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.0001)
    return tmp_path


@pytest.fixture
def studio(monkeypatch):
    found = FakeStudio()
    http = partial(httpx.Client, transport=httpx.MockTransport(found.handle))

    def connect(**facts):
        return http(**(facts | {"transport": httpx.MockTransport(found.handle)}))

    monkeypatch.setattr(transport.httpx, "Client", connect)
    return found


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"0123456789")
    return file


@pytest.fixture
def client(studio):
    with Client(URL, TOKEN, "vision") as found:
        yield found


@pytest.fixture
def signed_in(studio):
    profiles.remember(profiles.Login(URL, TOKEN, "vision"))
    return studio


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def slipway(capsys, monkeypatch):
    """`slipway("model", "list")` runs the command line; `stdin` is what it reads, without a terminal."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        found = capsys.readouterr()
        return Answer(int(end.value.code or 0), found.out, found.err)

    return run


@pytest.fixture
def registered(slipway, signed_in, model):
    """The studio holds iris:1."""
    slipway("model", "register", "-n", "iris", "-p", model, "--tag", "area=demo")
    return signed_in


@pytest.fixture
def deployed(slipway, registered):
    """The service `iris` answers with iris:1."""
    registered.states["iris"] = ["Healthy"]
    slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--wait")
    return registered
