"""The packages of an image as they are installed there, with the licences that they name. A short program in a
container of the image reads them: walled off, without network, and nothing of the packages is imported."""

import msgspec
from docker.errors import APIError

from deployments.builds.images.bill import Part
from deployments.builds.images.inside import PYTHON, USER
from deployments.engines import EngineAddress, client_of

SECONDS = 60
PROGRAM = r"""
import glob, json, re
from importlib.metadata import distributions

def licence(facts):
    told = facts.get("License-Expression") or ""
    named = [text.rpartition(" :: ")[2] for text in facts.get_all("Classifier", []) if text.startswith("License")]
    text = told or (named[0] if named else "") or facts.get("License") or ""
    return text.strip().split("\n")[0][:200]

found = []
for one in distributions():
    name = one.metadata["Name"]
    if name:
        found.append(["pypi", re.sub(r"[-_.]+", "-", name).lower(), one.version, licence(one.metadata)])
try:
    blocks = open("/var/lib/dpkg/status", encoding="utf-8").read().split("\n\n")
except OSError:
    blocks = []
for block in blocks:
    facts = dict(line.split(": ", 1) for line in block.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
    if "Package" in facts and "Version" in facts:
        found.append(["deb", facts["Package"], facts["Version"], ""])
print(json.dumps(sorted(found)))
"""


def installed_parts(address: EngineAddress, image_id: str, labels: dict[str, str]) -> list[Part]:
    """Empty for an image in which the program does not run: a bill is no reason for a build to fail."""
    client = client_of(address)
    limits = client.create_host_config(
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit="256m",
        pids_limit=16,
    )
    made = client.create_container(
        image_id, ["-I", "-c", PROGRAM], entrypoint=[PYTHON], user=USER, host_config=limits, labels=labels
    )
    try:
        client.start(made["Id"])
        ended = client.wait(made["Id"], timeout=SECONDS)
        printed = client.logs(made["Id"], stdout=True, stderr=False)
    except APIError:
        return []
    finally:
        client.remove_container(made["Id"], force=True, v=True)
    if ended.get("StatusCode") != 0:
        return []
    return [Part(*entry) for entry in msgspec.json.decode(printed, type=list[tuple[str, str, str, str]])]
