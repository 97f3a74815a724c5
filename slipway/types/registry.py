"""Models, their versions, and what they run in."""

from typing import Any, NotRequired, TypedDict

from slipway.types.causes import Cause


class FurtherDefinition(TypedDict, total=False):
    """What an environment may have beside a Python version and requirements.

    `variables` are exported in a service. The others decide images: `base_image`, or `dockerfile`, the text of one that
    builds the base; `docker_steps`, instructions on top of it. `base`, "name:number", is an environment whose facts are
    kept where they are not given, and whose private wheels are.
    """

    base: str
    definition: str  # YAML, in place of all others but `base`

    description: str
    variables: dict[str, str]
    base_image: str
    dockerfile: str
    docker_steps: list[str]


class Environment(TypedDict, total=False):
    """`id` is "name:number"; `warnings` name what is not installed as requested."""

    id: str
    name: str
    version: int
    python_version: str
    requirements: list[str]
    description: str
    variables: dict[str, str]  # hidden from viewers
    base_image: str  # empty: the studio's own
    dockerfile: str
    docker_steps: list[str]
    conda: dict[str, list[str]]  # channels and dependencies that need conda's solver
    wheels: list[str]  # file names of private wheels
    warnings: list[str]
    state: str  # ready, being made, last try failed, locked, or not made yet
    lock: str  # exact versions with hashes; empty until it is resolved
    created_by: str | None
    created_at: str


class ImportedConfig(TypedDict):
    """What an inferenceconfig.json says; `warnings` tell its settings that have no effect."""

    entry_script: str
    source_directory: str
    description: str
    environment: str | None  # "name:number"
    environment_variables: dict[str, str]
    warnings: list[str]


class FileFacts(TypedDict):
    path: str
    size: int
    sha256: str
    damaged: NotRequired[bool]  # the studio has lost its bytes, or holds others


class Config(TypedDict, total=False):
    """An inference config; `id` is "name:number". Without code, `environment` is None."""

    id: str
    name: str
    version: int
    kind: str
    description: str
    entry_script: str
    files: list[FileFacts]
    environment: str | None
    environment_variables: dict[str, str]
    created_by: str | None
    created_at: str


class Upload(TypedDict):
    """`received` bytes are safe with the studio; a chunk has at most `chunk_bytes`."""

    id: str
    path: str
    size: int
    received: int
    chunk_bytes: int
    complete: bool
    sha256: NotRequired[str | None]  # of a complete one


class Version(TypedDict, total=False):
    """A model version; `id` is "name:number"."""

    id: str
    name: str
    version: int
    state: str
    framework: str
    framework_version: str
    description: str
    tags: dict[str, str]
    properties: dict[str, Any]
    signature: dict[str, Any] | None
    facts: dict[str, Any]  # what the inspection found; `warnings` among them
    rejection: Cause | None
    size: int
    folder: str  # its files were registered as this folder; their paths are below it
    files: list[FileFacts]
    created_by: str | None
    created_at: str
    services: list[str]


class Model(TypedDict):
    name: str
    latest: Version | None
    match: Version | None  # the newest that the filter finds; without a filter the latest
    versions: int
    updated_at: str
