"""Write the studio's software bill of materials (CycloneDX 1.6, JSON): locked packages and vendored front-end files.

    python ops/sbom.py [FILE]        stdout by default

Licences are those that installed packages name; a package of another system than this one has none.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VENDORED = re.compile(
    r"^\| (\S+?)(?: \(not served\))? \| (.+?) (\d[\d.]*)\b.*\| (0BSD|MIT|MPL-2\.0)\b.*\| ([0-9a-f]{64}) \|$"
)
LICENCES_BY_HAND = {"pysimdjson": "MIT"}  # whose packages name none
licences = LicenseFactory()


def bill() -> Bom:
    """Everything that is installed or served."""
    bom = Bom()
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    bom.metadata.component = Component(
        name="slipway",
        version=version[1] if version else "",
        type=ComponentType.APPLICATION,
        licenses=[licences.make_from_string("Apache-2.0")],
    )
    for component in (*packages(), *vendored()):
        bom.components.add(component)
        bom.register_dependency(bom.metadata.component, [component])
    return bom


def packages() -> Iterator[Component]:
    """The packages of requirements.txt, with the digests of their files."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.txt").read_text())
    for block in blocks:
        if pin := PIN.match(block):
            name, version = pin[1], pin[2]
            licence = licence_of(name)
            yield Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=PackageURL("pypi", name=name, version=version),
                bom_ref=f"pypi:{name}@{version}",
                licenses=[licences.make_from_string(licence)] if licence else [],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in HASH.findall(block)],
            )


def vendored() -> Iterator[Component]:
    """The files of static/vendor/VERSIONS.md that are served."""
    for line in (ROOT / "static/vendor/VERSIONS.md").read_text().splitlines():
        found = VENDORED.match(line)
        if found and not found[1].startswith("tests/"):
            file, name, version, licence, digest = found.groups()
            yield Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=PackageURL(
                    "npm", name=name.rpartition("/")[2], namespace=name.rpartition("/")[0], version=version
                ),
                bom_ref=f"file:{file}",
                licenses=[licences.make_from_string(licence)],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )


def licence_of(name: str) -> str:
    """As an SPDX expression where the package gives one, else its own words; empty where it says nothing."""
    if name in LICENCES_BY_HAND:
        return LICENCES_BY_HAND[name]
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [text.rpartition(" :: ")[2] for text in facts.get_all("Classifier", []) if text.startswith("License")]
    told = _first(facts, "License-Expression") or (classifiers[0] if classifiers else "") or _first(facts, "License")
    return str(told).strip().split("\n", maxsplit=1)[0][:200]


def _first(facts: PackageMetadata, name: str) -> str:
    return next(iter(facts.get_all(name, [])), "")


if __name__ == "__main__":
    text = JsonV1Dot6(bill()).output_as_string(indent=2)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")
    else:
        print(text)  # noqa: T201 - a program
