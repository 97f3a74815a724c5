"""Numbers as people read them."""

PER = ((1.0, 1, "s"), (0.0, 60, "min"))  # from how many a second on, factor, unit of time
UNITS = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"))  # of time, with their number in a second
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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


def duration(seconds: float | None) -> str:
    """In the unit that reads best, with three significant digits: 4.83 ms; None as a dash."""
    if seconds is None:
        return "–"
    factor, unit = next(((factor, unit) for factor, unit in UNITS if seconds * factor >= 1), UNITS[-1])
    return f"{digits(seconds * factor)} {unit}"


def tiny(value: float | None) -> str:
    """Two significant digits, with a power of ten below a thousandth: 2.1 × 10⁻⁶; None as a dash."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 0.001:
        return f"{value:.2g}"
    amount, _, power = f"{value:.1e}".partition("e")
    return f"{amount} × 10{str(int(power)).translate(SUPERSCRIPT)}"


def counted(count: int, thing: str) -> str:
    """A number of things whose plural ends in s: 1 file, 1,642 files."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
