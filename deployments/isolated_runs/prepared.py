"""Make a content runnable at a target, as a build of a revision does: environment, bundle, image."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from deployments.builds import revision_images
from deployments.builds.bundles import Content, make_bundle
from deployments.models import Target
from registry.environments import environments
from registry.environments.paths import CURATED_HASH
from registry.environments.uv import Limits
from studio.core.tee import Log

Step = Callable[[str, float], None]


@dataclass(frozen=True)
class Prepared:
    """What a specification names: digests of the bundle and of the environment, and the image where the target runs
    images."""

    bundle: str
    environment: str
    image: str = ""


def prepare(
    content: Content, target: Target, workspace: str, log: Log, step: Step, cancelled: Callable[[], bool]
) -> Prepared:
    """Make what is not there yet; `workspace` is a slug. `step` is told the name of the part and how far it all is,
    0 to 1. Safe to repeat and to kill at any line. Raises `SlipwayError`."""
    makes_image = revision_images.needs_image(target)
    environment = content.config.environment
    step("environment", 0.1)
    if environment is not None and makes_image:
        environments.lock(environment, log, cancelled=cancelled)
    elif environment is not None:
        environments.install(environment, log, cancelled=cancelled)
    step("bundle", 0.7)
    make_bundle(content, log)
    image = ""
    if makes_image:
        step("image", 0.8)
        recipe = revision_images.recipe_of(content.config)
        wanted = revision_images.WantedImage(content, workspace, recipe, revision_images.address_of(target))
        limits = Limits(time.monotonic() + settings.SLIPWAY["BUILD_SECONDS"], cancelled)
        image = revision_images.make_image(wanted, log, limits).reference
    return Prepared(content.content_hash, environment.definition_hash if environment else CURATED_HASH, image)
