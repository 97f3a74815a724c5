"""TLS: a given certificate, or one made here for trying."""

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

from scoring.front_contract import FrontSettings

DAYS = 365
RENEW_DAYS = 30


def server_context(settings: FrontSettings) -> ssl.SSLContext | None:
    """None where the front speaks plain HTTP."""
    if settings.certificate:
        files = Path(settings.certificate), Path(settings.certificate_key)
    elif settings.self_signed:
        files = self_signed(Path(settings.folder), settings.names)
    else:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(*files)
    return context


def self_signed(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """Certificate and key for these names, made anew where there are none or they end soon."""
    certificate, key = folder / "self-signed.pem", folder / "self-signed.key"
    if not (certificate.exists() and key.exists() and _lasts(certificate, names)):
        _make(certificate, key, names)
    return certificate, key


def _lasts(path: Path, names: list[str]) -> bool:
    from cryptography import x509  # late: only a front with a certificate of its own needs the library

    found = x509.load_pem_x509_certificate(path.read_bytes())
    ends = found.not_valid_after_utc - datetime.timedelta(days=RENEW_DAYS)
    listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ends > datetime.datetime.now(datetime.UTC) and set(listed) == set(_alternatives(names))


def _alternatives(names: list[str]) -> list[object]:
    from cryptography import x509

    return [x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name) for name in names]


def _make(certificate: Path, key: Path, names: list[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)  # type: ignore[arg-type]
        .sign(private, hashes.SHA256())
    )
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
