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
    digest = hashlib.sha256(mine.read_bytes()).hexdigest()
    sources = Sources(str(tmp_path / "wheels"), offline=True, private=str(mine.parent))
    found = fetch_wheels(
        f"demo==1.0 \\\n    --hash=sha256:{digest}\n",
        "3.11",
        tmp_path / "fetched" / "wheels",
        sources=sources,
        log=StringIO(),
        limits=Limits(time.monotonic() + 60),
    )
    assert {name: path.read_bytes() for name, path in found.items()} == {mine.name: mine.read_bytes()}
