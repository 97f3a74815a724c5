"""The agent as one file that any Python of its version runs: `python3 agent.pyz agent FOLDER`."""

import io
import zipfile
from functools import cache
from pathlib import Path

from django.conf import settings

SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = b"import sys\n\nfrom scoring.edge.command import main\n\nsys.exit(main())\n"
BEGIN = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can tell


@cache
def agent_program() -> bytes:
    """Equal sources give equal bytes. What it needs of the scoring package needs nothing but the standard library."""
    source = Path(settings.BASE_DIR) / "scoring"
    files = {"__main__.py": MAIN}
    for path in (
        source / "__init__.py",
        source / "opt_outs.py",
        source / "edge_contract.py",
        *source.glob("edge/*.py"),
    ):
        files[f"scoring/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, BEGIN), content, zipfile.ZIP_DEFLATED)
    return SHEBANG + packed.getvalue()
