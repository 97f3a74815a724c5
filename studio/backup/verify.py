"""Does this studio have everything that its database speaks of?"""

import hashlib

from cryptography.fernet import InvalidToken
from django.apps import apps

from registry.models import Artifact
from registry.store import artifacts
from studio.backup.databases import database
from studio.core.encryption import EncryptedTextField

PIECE = 1024 * 1024  # bytes read at a time


def verify(*, read_files: bool = False) -> list[str]:
    """What is wrong, in words: of the database, the artifacts (with `read_files` of every byte), and the keys."""
    return [*database().problems(), *_artifact_problems(read_files=read_files), *_key_problems()]


def _artifact_problems(*, read_files: bool) -> list[str]:
    problems, store = [], artifacts.store_of_files()
    for artifact in Artifact.objects.order_by("digest").iterator():
        name = artifacts.name_of(artifact.digest)
        if not store.exists(name):
            problems.append(f"The file {artifact.digest[:12]}… is missing.")
        elif store.size(name) != artifact.size or (read_files and _digest(artifact) != artifact.digest):
            problems.append(f"The file {artifact.digest[:12]}… is damaged.")
    return problems


def _digest(artifact: Artifact) -> str:
    seen = hashlib.sha256()
    with artifacts.open_artifact(artifact) as stream:
        while piece := stream.read(PIECE):
            seen.update(piece)
    return seen.hexdigest()


def _key_problems() -> list[str]:
    """Encrypted texts that the encryption key does not fit; one of each column is tried."""
    encrypted = [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedTextField)
    ]
    for model, field in encrypted:
        try:
            model._default_manager.filter(**{f"{field}__isnull": False}).values_list(field, flat=True).first()
        except InvalidToken:
            return [
                "The encryption key is not the one that the keys of services were encrypted with: set "
                "SLIPWAY_ENCRYPTION_KEYS as it was for the studio that was backed up."
            ]
    return []
