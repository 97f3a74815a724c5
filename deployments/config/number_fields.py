"""Form fields for numbers that name their range and their default, and keep what was typed."""

from typing import Any

from django import forms

from deployments.config.deployment_config import RANGES, WHOLE


class Decimal(forms.FloatField):
    """Shows whole numbers without a point."""

    def prepare_value(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value


def whole(label: str, low: float, high: float, help_text: str = "", default: float | None = None) -> forms.IntegerField:
    """`default` is shown where nothing is typed; left empty, the field is None."""
    return forms.IntegerField(**_facts("numeric", label, low, high, help_text, default))


def decimal(label: str, low: float, high: float, help_text: str = "", default: float | None = None) -> Decimal:
    """As `whole`, for numbers with a fraction."""
    return Decimal(**_facts("decimal", label, low, high, help_text, default))


def resource(
    name: str, label: str, help_text: str, *, default: float | None = None, shown: bool = True
) -> forms.IntegerField | Decimal:
    """A number of the deployment config, within its range there; `shown`: whether the default is told."""
    low, high, usual = RANGES[name]
    make = whole if name in WHOLE else decimal
    return make(label, low, high, help_text, (default or usual) if shown else None)


def _facts(mode: str, label: str, low: float, high: float, help_text: str, default: float | None) -> dict[str, Any]:
    wrong = f"Must lie between {low:,} and {high:,}."
    # A text field: number fields send nothing at all for what is no number, and the default would be taken silently.
    typed = {"inputmode": mode, "autocomplete": "off"}
    shown = {} if default is None else {"placeholder": f"{default:g}"}
    usual = "" if default is None else f"Default {default:g}."
    return {
        "required": False,
        "label": label,
        "min_value": low,
        "max_value": high,
        "help_text": f"{help_text} {usual}".strip(),
        "widget": forms.TextInput(attrs=typed | shown),
        "error_messages": {"min_value": wrong, "max_value": wrong},
    }
