"""Where an engine listens, and what is shown there to be let in."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from studio.core.errors import BadInput

DEFAULT_HOST = "unix:///var/run/docker.sock"
TLS_PORT, PLAIN_PORT = 2376, 2375
HINT = "For example: unix:///var/run/docker.sock, tcp://gpu-box.example.org:2376 or ssh://deploy@gpu-box.example.org."

Transport = Literal["unix", "tcp", "ssh"]


@dataclass(frozen=True)
class EngineAddress:
    """`host`: a URL of the kinds that `docker -H` takes. `ca`, `certificate` and `key` are PEM texts, for TCP with TLS;
    without a CA the machine's own authorities count. SSH uses the keys, known hosts and configuration of the user that
    the studio runs as."""

    host: str = DEFAULT_HOST
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    seconds: float = 20.0  # that one answer may take
    connect_seconds: float = 5.0

    @property
    def transport(self) -> Transport:
        return self._parts.scheme  # type: ignore[return-value]

    @property
    def uses_tls(self) -> bool:
        return self.transport == "tcp" and bool(self.ca or self.certificate)

    @property
    def machine(self) -> str:
        """The host name or address of the engine's machine; empty for this machine."""
        return "" if self.transport == "unix" else self._parts.hostname or ""

    @property
    def port(self) -> int | None:
        default = TLS_PORT if self.uses_tls else PLAIN_PORT
        return self._parts.port or (default if self.transport == "tcp" else None)

    @property
    def socket(self) -> str:
        """Path of the unix socket; empty for the others."""
        return self._parts.path if self.transport == "unix" else ""

    @property
    def base_url(self) -> str:
        """As the client library takes it."""
        if self.transport != "tcp":
            return self.host
        name = f"[{self.machine}]" if ":" in self.machine else self.machine
        return f"{'https' if self.uses_tls else 'tcp'}://{name}:{self.port}"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.host)


def parse_address(host: str, *, ca: str = "", certificate: str = "", key: str = "") -> EngineAddress:
    """Raises `BadInput`, which names the field, for what can be no address of an engine."""
    address = EngineAddress(host.strip() or DEFAULT_HOST, ca.strip(), certificate.strip(), key.strip())
    trouble = _trouble_with_host(address)
    if trouble:
        raise BadInput(trouble, hint=HINT, field="host")
    if bool(address.certificate) != bool(address.key):
        missing = "key" if address.certificate else "certificate"
        raise BadInput(
            f"The client {missing} is missing: certificate and key belong together.",
            hint="Give both as PEM texts, or neither.",
            field=missing,
        )
    if (address.ca or address.certificate) and address.transport != "tcp":
        raise BadInput(
            f"TLS is for tcp:// addresses, and the engine's address is {address.host}.",
            hint="Leave the certificates out, or give a tcp:// address.",
            field="host",
        )
    return address


def _trouble_with_host(address: EngineAddress) -> str:
    try:
        parts = urlsplit(address.host)
        port = parts.port
    except ValueError as error:
        return f"'{address.host[:200]}' is no address of an engine: {error}."
    if parts.scheme not in ("unix", "tcp", "ssh"):
        return f"'{address.host[:200]}' is no address of an engine: it must begin with unix://, tcp:// or ssh://."
    if parts.scheme == "unix":
        fits = parts.path.startswith("/") and not parts.netloc
        return "" if fits else f"'{address.host[:200]}' names no absolute path of a socket."
    if parts.password is not None:
        return "An address holds no password; SSH signs in with the keys of the user that the studio runs as."
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.hostname.startswith("-"):
        return f"'{address.host[:200]}' must be {parts.scheme}://host or {parts.scheme}://host:port."
    return "" if port != 0 else "Port 0 cannot be connected to."
