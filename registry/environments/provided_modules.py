"""Packages that are not installed, since the scoring server brings modules of their names. Pure.

Nearly every environment of Azure's first version lists `azureml-defaults`. What a script takes from it while it serves
(models by name, raw HTTP, data collection) is in `scoring.script.compat`; the package itself pins others that have
no wheels for today's Pythons. Packages of which scripts use more than that stay: azureml-inference-server-http,
inference-schema, applicationinsights, azureml-mlflow, azureml-sdk.
"""

import re
from collections.abc import Iterable

# Package: what scripts may import only because it brought that along, and which takes its place.
REPLACED: dict[str, tuple[str, ...]] = {
    "azureml-ai-monitoring": ("pandas>=1.5.2",),
    "azureml-contrib-services": (),
    "azureml-core": (),
    "azureml-defaults": (),
    "azureml-model-management-sdk": (),
    "azureml-monitoring": (),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def to_install(requirements: Iterable[str]) -> list[str]:
    """The requirements, in normal form, without what is replaced."""
    found: list[str] = []
    for requirement in requirements:
        found += REPLACED.get(name_of(requirement), (requirement,))
    return list(dict.fromkeys(found))


def notices_of(requirements: Iterable[str]) -> list[str]:
    """A sentence for each requirement that is not installed."""
    return [
        f"{requirement} is not installed: the scoring server's own modules take the place of {name}."
        for requirement in requirements
        if (name := name_of(requirement)) in REPLACED
    ]


def name_of(requirement: str) -> str:
    """The package that a requirement in normal form asks for."""
    found = _NAME.match(requirement)
    return found[0] if found else ""
