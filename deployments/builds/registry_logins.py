"""Which registry an image belongs to, how it is signed in to, and sending images there."""

from collections.abc import Mapping
from typing import Any

from deployments.builds.images.builders import Run
from deployments.builds.images.failures import build_failure
from deployments.builds.images.following import follow
from deployments.engines import EngineAddress, client_of
from deployments.models import ImageRegistry
from registry.environments.uv import Sources
from studio.core.errors import Temporary


def registry_of(workspace: str, reference: str) -> ImageRegistry | None:
    """The registry of the workspace (slug) that the image's name begins with; the longest address counts."""
    rows = ImageRegistry.objects.filter(workspace__slug=workspace)
    fitting = [row for row in rows if reference.startswith(f"{row.address}/")]
    return max(fitting, key=lambda row: len(row.address), default=None)


def login_of(workspace: str, reference: str) -> Mapping[str, str] | None:
    """User name and password for an image, if the workspace has them."""
    found = registry_of(workspace, reference)
    return found.login if found else None


def push_registry(workspace: str) -> ImageRegistry | None:
    """Where images of the workspace are sent; None: they stay in their engine."""
    return ImageRegistry.objects.filter(workspace__slug=workspace, push=True).order_by("name").first()


def push(address: EngineAddress, registry: ImageRegistry, image_id: str, key: str, run: Run) -> tuple[str, str]:
    """Send an image to the registry; gives its digest there and the reference by digest. Raises `SlipwayError`."""
    repository, tag = f"{registry.address}/slipway", key[:32]
    client_of(address).tag(image_id, repository, tag)
    run.log.write(f"Sending the image to {repository}:{tag}.\n")
    told: list[Mapping[str, Any]] = []
    login = registry.login
    outcome = follow(
        address,
        lambda client: client.push(repository, tag, stream=True, decode=True, auth_config=dict(login) if login else {}),
        run.log,
        run.limits,
        told,
    )
    if not outcome.ok:
        raise build_failure(outcome, base=repository, requirements=(), sources=Sources())
    digest = next((str(each["Digest"]) for each in reversed(told) if "Digest" in each), "")
    if not digest:
        raise Temporary("The registry did not say the image's digest.", code="registry_unreachable")
    return digest, f"{repository}@{digest}"
