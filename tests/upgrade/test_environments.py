"""Environments that version 0.1.0 made still have all that the scoring server needs when it starts in them."""

import json
import re
import tarfile

from packaging.requirements import Requirement

from tests.stack import ROOT
from tests.upgrade.old_data import ARCHIVE

PINNED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)


def test_an_old_environment_satisfies_the_scoring_servers_requirements():
    with tarfile.open(ARCHIVE) as archive:
        record = json.load(archive.extractfile("record.json"))
    [tools] = [row for row in record["rest"]["environments?page_size=200"]["results"] if row["name"] == "tools"]
    installed = dict(PINNED.findall(tools["lock"]))

    lines = (ROOT / "scoring" / "requirements.txt").read_text().splitlines()
    needed = [Requirement(line) for line in lines if line and not line.startswith("#")]

    assert needed
    assert [str(one) for one in needed if not one.specifier.contains(installed.get(one.name, "0"))] == []
