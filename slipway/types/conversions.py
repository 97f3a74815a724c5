"""Conversions to ONNX."""

from typing import Any, TypedDict

from slipway.types.causes import Cause


class ConversionVariant(TypedDict):
    """One way to have a model in ONNX. `verdict`: recommended, works, slower, refused, failed or not tried."""

    name: str
    verdict: str
    reason: str
    speed_up_one: float | None
    speed_up_many: float | None
    largest_difference: float | None
    changed: int | None
    facts: dict[str, Any]
    version: str | None


class Conversion(TypedDict):
    """A version measured as ONNX. `original` tells of it; `recommended` is the name of a variant."""

    id: int
    model: str
    goal: str
    state: str
    step: str
    progress: float
    error: Cause | None
    environment: str | None
    tolerance: float | None
    original: dict[str, Any]
    variants: list[ConversionVariant]
    recommended: str | None
    new_version: str | None
    requested_by: str | None
    created_at: str
    finished_at: str | None
