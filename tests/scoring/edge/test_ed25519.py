"""Our check of signatures against those of a library, and what must not pass."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring.edge.ed25519 import ORDER, is_signed
from scoring.edge.manifest import read_public_key
from scoring.edge.problems import EdgeProblem


@pytest.mark.parametrize("length", [0, 1, 64, 5000])
def test_signatures_of_a_library_are_taken(length):
    private, message = Ed25519PrivateKey.generate(), b"m" * length

    assert is_signed(private.public_key().public_bytes_raw(), message, private.sign(message))


def test_vector_of_rfc_8032():
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert is_signed(public, b"\x72", signature)


def test_nothing_else_is_taken():
    private, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, signature = private.public_key().public_bytes_raw(), private.sign(b"message")
    high = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")

    assert not is_signed(public, b"massage", signature)
    assert not is_signed(other.public_key().public_bytes_raw(), b"message", signature)
    assert not is_signed(public, b"message", signature[:32] + high), "a signature can be changed into another"
    assert not is_signed(public, b"message", signature[:-1])
    assert not is_signed(b"\xff" * 32, b"message", signature)
    assert not is_signed(public, b"message", bytes(64))


def test_public_key_that_is_none_is_refused_by_name():
    with pytest.raises(EdgeProblem, match="no public key"):
        read_public_key("hello")
