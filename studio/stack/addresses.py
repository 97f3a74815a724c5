"""Where the studio is found, from the host it listens on."""

ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable(host: str) -> str:
    """The host under which this machine reaches a server that listens on `host`."""
    return ANY_HOST.get(host, host)


def in_url(host: str) -> str:
    """`host` as addresses and Host headers write it."""
    return f"[{host}]" if ":" in host else host


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """The address, on this machine, of a server that listens on `host`."""
    return f"{'https' if tls else 'http'}://{in_url(reachable(host))}:{port}/"
