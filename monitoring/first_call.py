"""The calls that fill an empty Metrics panel, ready to be copied."""

from deployments.models import Service


def curl(service: Service) -> str:
    """A curl line that scores; empty while the service has no address."""
    if service.port is None:
        return ""
    lines = (
        f"curl http://127.0.0.1:{service.port}/score",
        '-H "Authorization: Bearer $KEY"',
        '-H "Content-Type: application/json"',
        "-d @request.json",
    )
    return " \\\n  ".join(lines)


def command(service: Service) -> str:
    """The same by the command line, which knows address and key."""
    return f"slipway service score {service.name} -d @request.json"
