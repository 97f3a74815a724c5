"""Pure: the files that every scoring server reads when it starts, wherever it runs."""

from typing import Any

import msgspec

from deployments.recipe.spec import TOKEN_ISSUER, InstanceSpec, token_audience
from scoring.contract import KeysFile, RunSettings, ServerOptions, Telemetry, TokenRules


def run_settings(spec: InstanceSpec, *, tells_studio: bool, **place: Any) -> RunSettings:
    """`run.json` of the first replica; `place` holds the fields that say where it runs. `tells_studio`: it sends its
    telemetry; else it leaves it in its own folder."""
    ref = spec.ref
    telemetry = Telemetry(
        url=spec.telemetry_url if tells_studio else "",
        token=spec.telemetry_token if tells_studio else "",
        service=ref.service_id,
        seconds=spec.telemetry_seconds,
    )
    return RunSettings(
        service=ref.service,
        workspace=ref.workspace,
        revision=ref.revision,
        recipe=spec.recipe,
        auth=spec.auth,
        processes=spec.processes,
        cpus=spec.cpus,
        memory_bytes=spec.memory_bytes,
        max_body_bytes=spec.max_body_bytes,
        scoring_timeout_seconds=spec.scoring_timeout_seconds,
        start_deadline_seconds=spec.start_deadline_seconds,
        telemetry=telemetry if spec.telemetry_url else None,
        debug_port=spec.debug_port,
        debug_wait=spec.debug_wait,
        **place,
        **msgspec.structs.asdict(msgspec.convert(spec.server, ServerOptions)),
    )


def keys_file(spec: InstanceSpec) -> bytes:
    """`keys.json`: digests of the keys, or what the server needs to check tokens."""
    rules = TokenRules(spec.token_secret, token_audience(spec.ref.workspace, spec.ref.service), TOKEN_ISSUER)
    return msgspec.json.encode(
        KeysFile(list(spec.key_digests), rules if spec.token_secret else None, front=spec.front_digest)
    )
