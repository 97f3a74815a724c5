"""What decides the image of an environment. Pure: equal recipes have equal keys and share one image on an engine."""

import hashlib
from dataclasses import asdict, dataclass

import msgspec

FORMAT = 1  # raise it when images of before can no longer be used


@dataclass(frozen=True)
class EnvironmentRecipe:
    """`base`: reference of the image below, unless `dockerfile` is the text that builds it; `steps` are Dockerfile
    instructions on top of either. `python_version` may be empty: whichever the base has. `wheels`: file name and
    SHA-256 of private ones."""

    base: str
    lock: str
    python_version: str = ""
    dockerfile: str = ""
    steps: tuple[str, ...] = ()
    wheels: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """SHA-256, hex."""
        return hash_of({"format": FORMAT} | asdict(self))


def service_image_key(content_hash: str, environment_key: str, library_digest: str) -> str:
    """Names the image of a revision's content: the same models, source, environment and scoring library."""
    parts = {"content": content_hash, "environment": environment_key, "library": library_digest}
    return hash_of({"format": FORMAT} | parts)


def hash_of(value: object) -> str:
    """SHA-256 over a plain value, hex."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
