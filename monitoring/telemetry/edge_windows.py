"""Windows of services on devices: dated by a clock that may be years off, and each under the name of its device."""

import time

import msgspec

from deployments.models import Device
from monitoring.telemetry import ingest
from scoring.contract import Window
from studio.core.errors import BadInput, NotFound, TooLarge

SLACK_SECONDS = 30.0  # less than this is no wrong clock, but the way of the request


class EdgePush(msgspec.Struct):
    """`clock`: what the device took for the time when it sent them; 0: it did not say."""

    service: int
    windows: list[Window]
    clock: float = 0.0


def accept(device: Device, body: bytes) -> int:
    """Keep the windows of a push; the number of those young enough to be kept. Raises `BadInput`, `NotFound`."""
    push = _read(body)
    if not device.target.services.filter(pk=push.service).exists():
        raise NotFound(f"Service {push.service} does not run on the devices of {device.target}.")
    if len(push.windows) > ingest.MAX_WINDOWS:
        raise BadInput(f"A push has at most {ingest.MAX_WINDOWS} windows, this one has {len(push.windows)}.")
    ahead = push.clock - time.time() if push.clock else 0.0
    for window in push.windows:
        window.replica = f"device-{device.pk}"  # whatever it says: nobody counts in another's name
        if abs(ahead) > SLACK_SECONDS:
            window.start = max(window.start - ahead, 0.0)
        ingest.check(window)
    return ingest.keep(push.service, push.windows)


def _read(body: bytes) -> EdgePush:
    if len(body) > ingest.MAX_BYTES:
        raise TooLarge(f"A telemetry push has at most {ingest.MAX_BYTES} bytes.")
    try:
        return msgspec.json.decode(body, type=EdgePush)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"This is not a telemetry push: {error}", code="telemetry_malformed") from error
