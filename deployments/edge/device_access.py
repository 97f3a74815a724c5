"""How devices show who they are: by their key, and by nothing else."""

from django.http import HttpRequest

from deployments.edge.devices import device_of_key
from deployments.errors import UnknownDeviceKey
from deployments.models import Device


def device_of(request: HttpRequest) -> Device:
    """The device whose key came with the request. Raises `UnknownDeviceKey`, whatever is wrong with it."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    device = device_of_key(key.strip()) if scheme.lower() == "bearer" else None
    if device is None:
        raise UnknownDeviceKey
    return device
