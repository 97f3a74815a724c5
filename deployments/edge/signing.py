"""The studio's own key pair: made when it is first needed, the private half only ever stored encrypted."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction

from deployments.models import SigningKey

THE_ONLY = 1


def signing_key() -> SigningKey:
    """The pair; two processes that make it at once end up with the same one."""
    found = SigningKey.objects.filter(pk=THE_ONLY).first()
    return found or _make()


def sign(content: bytes) -> str:
    """The signature under `content`, base64."""
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing_key().private))
    return base64.b64encode(private.sign(content)).decode()


def public_key() -> str:
    """What devices check signatures with: base64 of 32 bytes."""
    return signing_key().public


def public_key_pem() -> str:
    """The same for other programs, such as openssl."""
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing_key().private))
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _make() -> SigningKey:
    pair = Ed25519PrivateKey.generate()
    private = base64.b64encode(pair.private_bytes_raw()).decode()
    public = base64.b64encode(pair.public_key().public_bytes_raw()).decode()
    try:
        with transaction.atomic():
            return SigningKey.objects.create(pk=THE_ONLY, private=private, public=public)
    except IntegrityError:
        return SigningKey.objects.get(pk=THE_ONLY)
