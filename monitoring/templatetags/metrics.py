"""Numbers for people: three significant digits, units added by the template."""

from django import template

register = template.Library()


@register.filter
def digits(value: float | None) -> str:
    """1234.5 as 1,230; 0.01234 as 0.0123; None as a dash."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


@register.filter
def percent(share: float | None) -> str:
    """0.0123 as 1.23; None as a dash."""
    return digits(None if share is None else share * 100)


@register.filter
def megabytes(count: float | None) -> str:
    """Bytes as megabytes of 1,000,000 bytes."""
    return digits(None if count is None else count / 1e6)
