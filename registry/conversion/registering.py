"""A variant becomes a version of the same model, derived from the one that was converted."""

from typing import Any

from django.db import transaction

from registry.models import Conversion, ConversionVariant, ModelVersion
from registry.versions.registration import register_derived
from studio.accounts.models import User
from studio.core.errors import Conflict, NotFound

FILE = "model.onnx"


def find_variant(conversion: Conversion, name: str) -> ConversionVariant:
    """Raises `NotFound`."""
    found = next((one for one in conversion.variants.all() if one.name == name), None)
    if found is None:
        raise NotFound(f"The {conversion} has no variant '{name[:40]}'.", field="variant")
    return found


def register_variant(variant: ConversionVariant, actor: User | None) -> ModelVersion:
    """The version that is made of it; the one that was, where it was before. Raises `Conflict` for a variant that did
    not pass its gates."""
    if variant.version is not None:
        return variant.version
    if not variant.can_be_registered or variant.artifact is None:
        raise Conflict(
            f"{variant} is {variant.verdict} and cannot become a version.",
            code="variant_refused",
            hint=variant.reason,
        )
    source = variant.conversion.version
    with transaction.atomic():
        version = register_derived(source, actor, {FILE: variant.artifact}, _how(variant), _facts(variant))
        free = ConversionVariant.objects.filter(pk=variant.pk, version=None)
        if free.update(version=version):
            variant.version = version
            return version
        transaction.set_rollback(True)  # somebody else was first
    variant.refresh_from_db()
    return variant.version or version


def _how(variant: ConversionVariant) -> str:
    optimised = variant.conversion.is_optimisation
    return f"{'optimised' if optimised else 'converted'} as {variant.facts.get('title', variant.name)}"


def _facts(variant: ConversionVariant) -> dict[str, Any]:
    return {
        "conversion": variant.conversion_id,
        "variant": variant.name,
        "speed_up_one": variant.one,
        "speed_up_many": variant.many,
        "largest_difference": variant.largest,
    }
