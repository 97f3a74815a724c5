"""What can be in the way of an engine's answer, by the types of the errors behind it."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker.errors
import paramiko
import requests.exceptions

from deployments.engines.address import EngineAddress


class EngineProblem(Exception):
    """The engine cannot be used. `code` is stable, `hint` says what to do; `evidence` is the raw text behind it."""

    def __init__(self, code: str, message: str, hint: str, evidence: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code = code
        self.message = message
        self.hint = hint
        self.evidence = evidence

    @property
    def facts(self) -> tuple[str, str, str, str]:
        """To raise the same again: an error that is raised twice keeps what it met on its way."""
        return self.code, self.message, self.hint, self.evidence


@dataclass(frozen=True)
class _Cause:
    """`fits` an error of the chain. Texts may name the `{host}`, `{machine}` and `{error}`. `with_tls`: only there."""

    code: str
    fits: Callable[[BaseException], bool]
    message: str
    hint: str
    with_tls: bool = False


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _verifies_not(reason: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == reason


def _has_number(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


HOSTNAME_MISMATCH, IP_MISMATCH, EXPIRED = 62, 64, 10  # of OpenSSL

# The first one that fits any error of the chain.
CAUSES = (
    _Cause(
        "ssh_host_unknown",
        lambda error: isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error),
        "The SSH host key of {machine} is not known to the user that the studio runs as.",
        "Connect once by hand as that user (ssh {machine}) and compare the key, or add it to ~/.ssh/known_hosts.",
    ),
    _Cause(
        "ssh_host_changed",
        _is(paramiko.BadHostKeyException),
        "The SSH host key of {machine} is not the one that is known.",
        "Find out why it has changed before you go on: somebody may be in between.",
    ),
    _Cause(
        "ssh_refused",
        lambda error: (
            isinstance(error, paramiko.AuthenticationException | paramiko.PasswordRequiredException)
            or (isinstance(error, paramiko.SSHException) and "No authentication methods" in str(error))
        ),
        "SSH at {machine} does not let the studio in.",
        "Put the public key of the user that the studio runs as into ~/.ssh/authorized_keys there; keys with a "
        "password need an agent.",
    ),
    _Cause(
        "tls_host",
        lambda error: _verifies_not(HOSTNAME_MISMATCH)(error) or _verifies_not(IP_MISMATCH)(error),
        "The engine's certificate is for another name than {machine}.",
        "Use a name that is in the certificate, or issue one with {machine} as subject alternative name.",
    ),
    _Cause(
        "tls_expired",
        _verifies_not(EXPIRED),
        "The engine's certificate has expired.",
        "Renew it on the engine's machine, and compare the clocks of both.",
    ),
    _Cause(
        "tls_untrusted",
        _is(ssl.SSLCertVerificationError),
        "The engine's certificate is not signed by the CA that was given.",
        "Give the CA that signed the certificate of the engine at {machine}.",
    ),
    _Cause(
        "tls_client_refused",
        lambda error: isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""),
        "The engine refuses the studio's client certificate.",
        "Give a client certificate, and its key, that the engine's CA (--tlscacert) has signed.",
    ),
    _Cause(
        "tls_client_refused",  # by TLS 1.3 it is refused after the handshake, and often there is no time to say so
        _is(ssl.SSLEOFError, ConnectionResetError, BrokenPipeError),
        "The engine ended the TLS connection, as one does that refuses the client's certificate.",
        "Give a client certificate, and its key, that the engine's CA (--tlscacert) has signed.",
        with_tls=True,
    ),
    _Cause(
        "tls_mismatch",
        _is(ssl.SSLError),
        "The engine at {host} does not speak TLS as expected: {error}.",
        "Leave the certificates out where the engine listens without TLS, or use its TLS port, usually 2376.",
    ),
    _Cause(
        "socket_missing",
        _is(FileNotFoundError),
        "There is no engine socket at {host}.",
        "Install and start Docker on this machine, or name the socket it listens at.",
    ),
    _Cause(
        "permission_denied",
        _is(PermissionError),
        "The user that the studio runs as may not use the engine socket at {host}.",
        "Add that user to the group docker and start the studio again.",
    ),
    _Cause(
        "name_unknown",
        _is(socket.gaierror),
        "The name {machine} cannot be resolved.",
        "Check the spelling of the engine's address, and this machine's DNS.",
    ),
    _Cause(
        "refused",
        _is(ConnectionRefusedError, paramiko.ssh_exception.NoValidConnectionsError),
        "Nothing listens at {host}.",
        "Start the engine, and check port and firewall.",
    ),
    _Cause(
        "unreachable",
        _has_number(errno.ENETUNREACH, errno.EHOSTUNREACH),
        "The network gives no way to {machine}.",
        "Check the address, and the routes and firewalls between both machines.",
    ),
    _Cause(
        "timeout",
        _is(TimeoutError, requests.exceptions.Timeout),
        "The engine at {host} does not answer in time.",
        "It may be overloaded, or a firewall drops what is sent there.",
    ),
    _Cause(
        "ssh_failed",
        _is(paramiko.SSHException),
        "SSH to {machine} failed: {error}.",
        "Try ssh {machine} docker version as the user that the studio runs as.",
    ),
    _Cause(
        "too_old",
        _is(docker.errors.InvalidVersion),
        "The engine at {host} is too old: {error}.",
        "Update Docker on that machine.",
    ),
    _Cause(
        "tls_required",
        lambda error: isinstance(error, docker.errors.APIError) and error.status_code == 400,
        "The engine at {host} refuses what is sent to it: {error}.",
        "Where it asks for TLS, give its CA, a client certificate and the key.",
    ),
    _Cause(
        "disconnected",
        _is(ConnectionError, requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, EOFError),
        "The connection to the engine at {host} ended: {error}.",
        "The engine may be restarting. Over SSH, the command docker must be installed there.",
    ),
)


def problem_of(error: BaseException, address: EngineAddress) -> EngineProblem:
    """What it is, by the first entry of `CAUSES` that fits any error of the chain."""
    chain = list(_chain(error))
    names = {"host": address.host, "machine": address.machine or "this machine"}
    for cause in (one for one in CAUSES if address.uses_tls or not one.with_tls):
        found = next((one for one in chain if cause.fits(one)), None)
        if found is not None:
            names["error"] = str(found)[:300].rstrip(".")
            return EngineProblem(cause.code, cause.message.format(**names), cause.hint.format(**names), str(error))
    return EngineProblem("engine_failed", f"The engine at {address.host} failed: {error}.", "Read its log.", str(error))


@contextmanager
def naming_problems(address: EngineAddress) -> Iterator[None]:
    """What fails on the way to the engine is raised as `EngineProblem`; its own answers (`APIError`) pass."""
    try:
        yield
    except EngineProblem:
        raise
    except docker.errors.APIError:
        raise
    except (OSError, docker.errors.DockerException, paramiko.SSHException, EOFError) as error:
        raise problem_of(error, address) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that led to it, the outermost first; each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting = [each for each in waiting if isinstance(each, BaseException)]
