"""Files of a lock, fetched to this machine for builds without an index."""

import hashlib
import time
from io import StringIO

from deployments.builds.images.wheels import fetch_wheels
from registry.environments.uv import Limits, Sources
from tests.registry.wheels import make_wheel


def test_private_wheel_is_fetched_although_the_folder_of_wheels_has_its_name(tmp_path):
    make_wheel(tmp_path / "wheels", "demo", code="WHOSE = 'others'\n")
    mine = make_wheel(tmp_path / "private", "demo", code="WHOSE = 'mine'\n")
    digest = _digest(mine)
    other = make_wheel(tmp_path / "wheels", "other", "2.0")
    sources = Sources(str(tmp_path / "wheels"), offline=True, private=str(mine.parent))
    found = fetch_wheels(
        f"demo==1.0 \\\n    --hash=sha256:{digest}\n    # via own\nother==2.0 \\\n    --hash=sha256:{_digest(other)}\n",
        "3.11",
        tmp_path / "fetched" / "wheels",
        sources=sources,
        log=StringIO(),
        limits=Limits(time.monotonic() + 60),
    )
    expected = {path.name: path.read_bytes() for path in (mine, other)}
    assert {name: path.read_bytes() for name, path in found.items()} == expected


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
