"""What an image is made of: a bill of materials (CycloneDX 1.6, JSON) and a list of licences (CSV). Pure: equal parts
give equal bytes."""

import csv
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

import msgspec
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

NAMESPACES = {"deb": "debian"}
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")


@dataclass(frozen=True)
class Part:
    """A package of an image. `kind`: pypi or deb, as package URLs name it; `licence`: an SPDX expression or the
    package's own words. `hashes`: SHA-256 of the files that it may have come from."""

    kind: str
    name: str
    version: str
    licence: str = ""
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What the bill is of. `models`: name:number → SHA-256 of each of its files, by path."""

    name: str
    version: str
    key: str
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def parts_of_lock(lock: str) -> list[Part]:
    """The packages of a lock, with their hashes; it says nothing of licences."""
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if pin := _PIN.match(block):
            found.append(Part("pypi", canonicalize_name(pin[1]), pin[2], hashes=tuple(_HASH.findall(block))))
    return found


def with_hashes(parts: Iterable[Part], lock: str) -> list[Part]:
    """The parts that are installed, with the hashes that the lock has of them."""
    known = {(part.name, part.version): part.hashes for part in parts_of_lock(lock)}
    return [
        Part(part.kind, part.name, part.version, part.licence, known.get((part.name, part.version), ()))
        for part in parts
    ]


def bill_of_materials(subject: Subject, parts: Sequence[Part]) -> bytes:
    """The CycloneDX document."""
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, subject.key))
    bom.metadata.component = Component(
        name=subject.name, version=subject.version, type=ComponentType.CONTAINER, bom_ref=f"image:{subject.key}"
    )
    models = [_model(name, files) for name, files in subject.models.items()]
    for component in (*models, *(_package(part) for part in parts)):
        bom.components.add(component)
        bom.register_dependency(bom.metadata.component, [component])
    document = msgspec.json.decode(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)  # the moment would make equal images differ
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"


def _package(part: Part) -> Component:
    return Component(
        name=part.name,
        version=part.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL(part.kind, namespace=NAMESPACES.get(part.kind), name=part.name, version=part.version),
        bom_ref=f"{part.kind}:{part.name}@{part.version}",
        licenses=[LicenseFactory().make_from_string(part.licence)] if part.licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in part.hashes],
    )


def _model(name: str, files: Mapping[str, str]) -> Component:
    title, _, number = name.partition(":")
    return Component(
        name=title,
        version=number,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in sorted(set(files.values()))],
    )


def licence_list(parts: Iterable[Part]) -> bytes:
    """One line a package; what names no licence says so."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "package", "version", "licence"])
    for part in sorted(parts, key=lambda part: (part.kind, part.name)):
        writer.writerow([part.kind, part.name, part.version, part.licence or "not named"])
    return text.getvalue().encode()
