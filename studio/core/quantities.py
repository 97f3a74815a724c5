"""Numbers as people read them."""

PER = ((1.0, 1, "s"), (0.0, 60, "min"))  # from how many a second on, factor, unit of time


def per_time(per_second: float | None) -> tuple[float, str]:
    """The factor and the unit of time in which a rate per second reads best: 0.05 requests/s are 3 requests/min."""
    rate = per_second or 1.0
    return next((float(factor), unit) for least, factor, unit in PER if rate >= least)


def digits(value: float | None) -> str:
    """Three significant digits: 1234.5 as 1,230; 0.01234 as 0.0123; None as a dash."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def counted(count: int, thing: str) -> str:
    """A number of things whose plural ends in s: 1 file, 1,642 files."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
