"""Where replicas answer, as the load generator takes it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.targets.unix_sockets import PREFIX, checked_path


@contextmanager
def address_of(endpoint: str, owner: int | None, path: str) -> Iterator[str]:
    """The address of `path` at an endpoint of a replica. A unix socket is opened here, so that nothing can be laid in
    its place, and the generator finds it below this process. OSError where it is not the replica's."""
    if not endpoint.startswith(PREFIX):
        yield f"{endpoint}{path}"
        return
    with checked_path(endpoint.removeprefix(PREFIX), -1 if owner is None else owner) as name:
        yield f"unix:{name.replace('/self/', f'/{os.getpid()}/')}:{path}"
