"""What the scoring server needs in every environment, and the hash that a definition has with it on this machine."""

import sysconfig

from django.conf import settings

from registry.environments import definitions, requirement_files
from registry.environments.definitions import Definition
from registry.environments.requirement_lines import read_requirement

RUNTIME_FILE = settings.BASE_DIR / "scoring" / "requirements.txt"


def hash_of(definition: Definition) -> str:
    """The definition's hash on this machine, with the scoring server's own requirements."""
    return definitions.definition_hash(definition, runtime=runtime_requirements(), platform=sysconfig.get_platform())


def runtime_requirements() -> list[str]:
    """What the scoring server needs in every environment."""
    lines = requirement_files.whole_lines(RUNTIME_FILE.read_text())
    return [read_requirement(line) for _, line in lines]
