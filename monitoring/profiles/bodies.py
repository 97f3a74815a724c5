"""What a profile sends: bodies that people give, else a request that the model should accept."""

import json
from collections.abc import Sequence
from typing import Any

from deployments.config.deployment_config import read
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from deployments.services import samples
from registry.inspection import signature
from registry.models import ModelVersion
from studio.core.errors import BadInput

MOST_BODIES = 1000
MOST_BYTES = 4 * 1024**2  # of all of them: they stand in a row of the database


def given_bodies(texts: Sequence[str]) -> dict[str, Any]:
    """As `Profile.bodies` has them. Raises `BadInput`."""
    size = sum(len(text.encode()) for text in texts)
    if len(texts) > MOST_BODIES or size > MOST_BYTES:
        raise BadInput(
            f"These are {len(texts):,} requests with {size:,} bytes; a profile takes at most {MOST_BODIES:,} with "
            f"{MOST_BYTES // 1024**2} MB.",
            hint="A sample of them is enough: they are sent again and again.",
            field="requests",
        )
    empty = next((number for number, text in enumerate(texts, 1) if not text.strip()), None)
    if empty is not None:
        raise BadInput(f"Request {empty} is empty.", hint="Each is the body of a request.", field="requests")
    words = "1 request that was given" if len(texts) == 1 else f"{len(texts):,} requests that were given, in turn"
    return {"source": words, "texts": list(texts)}


def usual_bodies(versions: Sequence[ModelVersion], config: InferenceConfig, options: dict[str, Any]) -> dict[str, Any]:
    """The request that a revision warms up with, the sample of a bundled model, or one made from the signature.

    Raises `BadInput` where there is none of these: nobody knows what a script takes.
    """
    own = read(options).server.warm_up
    if own is not None and own.path == "/score":
        return _one("the warm-up request of its options", own.body)
    with_script = config.kind == ConfigKind.ENTRY_SCRIPT
    for version in versions:
        if sample := samples.request_for(version, with_script=with_script):
            return _one("the sample that comes with the model", sample)
        if version.signature and not with_script:
            return _one("a request made from the signature", signature.example(version.signature))
    raise BadInput(
        "Nobody has said what a request looks like: an entry script takes what it likes.",
        hint="Give at least one request body.",
        field="requests",
    )


def _one(source: str, body: Any) -> dict[str, Any]:
    return {"source": source, "texts": [body if isinstance(body, str) else json.dumps(body)]}
