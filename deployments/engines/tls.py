"""TLS towards an engine, from PEM texts that never lie in a file."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker.tls import TLSConfig
from requests.adapters import HTTPAdapter

from deployments.engines.address import EngineAddress
from deployments.engines.problems import EngineProblem


class TlsFromTexts(TLSConfig):
    """What the client library asks to configure its session."""

    def __init__(self, address: EngineAddress) -> None:
        """Raises `EngineProblem` for texts that are no certificate or no key of it."""
        super().__init__(verify=True)
        self._context = context_of(address)

    def configure_client(self, client: Any) -> None:
        """The session connects with this context alone: neither variables of the process nor files decide."""
        client.mount("https://", _Adapter(self._context))
        client.verify = True


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Without the file of authorities that the library would load into the context as well."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._context}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context says it all."""
        conn.cert_reqs = "CERT_REQUIRED"


def context_of(address: EngineAddress) -> ssl.SSLContext:
    """Raises `EngineProblem`."""
    try:
        context = ssl.create_default_context(cadata=address.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise EngineProblem(
            "tls_material", f"The CA certificate cannot be read: {error}.", "Give the PEM text of the engine's CA."
        ) from error
    if address.certificate:
        try:
            with _as_file(f"{address.certificate}\n{address.key}\n") as path:
                context.load_cert_chain(path, password=_refuse_password)
        except (ssl.SSLError, ValueError) as error:
            raise EngineProblem(
                "tls_material",
                f"The client certificate and its key cannot be used: {error}.",
                "Give the PEM texts of a certificate and of the key that belongs to it, without a password.",
            ) from error
    return context


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path in memory, for a function that reads files only."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield str(Path("/proc/self/fd", str(descriptor)))
    finally:
        os.close(descriptor)


def _refuse_password() -> str:
    """Or the library would ask at the terminal."""
    raise ValueError("the key is encrypted with a password")
