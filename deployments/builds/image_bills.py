"""Bills of materials and lists of licences of images, kept as artifacts of their rows."""

from io import BytesIO

from deployments.builds.bundles import Content
from deployments.builds.images.bill import Subject, bill_of_materials, licence_list, with_hashes
from deployments.builds.images.installed import installed_parts
from deployments.engines import EngineAddress
from deployments.models import BuiltImage
from registry.store import artifacts


def bill_subject(content: Content, key: str) -> Subject:
    """What the bill of an image with this content is of."""
    first = content.versions[0] if content.versions else None
    models = {
        str(version): {file.path: file.artifact_id for file in version.files.all()} for version in content.versions
    }
    name = first.model.name if first else content.config.name
    return Subject(name, str(first.number if first else content.config.number), key, models)


def add_bill(
    row: BuiltImage, address: EngineAddress, subject: Subject, lock: str, labels: dict[str, str]
) -> BuiltImage:
    """Write both down, unless the image has them."""
    if row.bill_id is None or row.licences_id is None:
        parts = with_hashes(installed_parts(address, row.image_id, labels), lock)
        row.bill = artifacts.store(BytesIO(bill_of_materials(subject, parts)))
        row.licences = artifacts.store(BytesIO(licence_list(parts)))
        row.save(update_fields=["bill", "licences"])
    return row
