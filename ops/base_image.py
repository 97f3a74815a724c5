"""`python -m ops.base_image root.tar name:tag epoch`: a file system as an image, written to standard output for
`docker load`. Unlike `docker import` it puts no time of its own into it, so that equal file systems are equal images.
"""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from deployments.builds.images.archive import image_archive
from deployments.builds.images.image_config import Base, image_config
from deployments.builds.images.layers import FileLayer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main(archive: str, tag: str, epoch: str) -> None:
    """Write the image."""
    created = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine = platform.machine()
    layer = FileLayer("Debian packages", Path(archive))
    base = Base(created, ARCHITECTURES.get(machine, machine))
    config = image_config(base, [layer], {"Env": [f"PATH={SEARCHED}", "LANG=C.UTF-8"], "Cmd": ["python3"]})
    for chunk in image_archive(config, [layer], tag=tag):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
