"""Template tags and filters that every page may use without loading them."""

from datetime import datetime
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studio.core import quantities, tracebacks

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """'3 minutes ago' with the exact time on hover; the browser keeps it true."""
    if moment is None:
        return "never"
    seconds = int((timezone.now() - moment).total_seconds())
    return format_html(
        '<time datetime="{}" title="{}" data-behaviour="ago">{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        _in_words(seconds),
    )


def _in_words(seconds: int) -> str:
    for size, unit in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now" if seconds < 10 else f"{seconds} seconds ago"


@register.filter
def size(count: float | None) -> str:
    """Bytes for people: 1 kB is 1,000 bytes, as on disks and in file managers."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


@register.filter
def digits(value: float | None) -> str:
    """Three significant digits; None as a dash."""
    return quantities.digits(value)


@register.filter
def percent(share: float | None) -> str:
    """0.0123 as 1.23; None as a dash."""
    return quantities.digits(None if share is None else share * 100)


@register.filter
def megabytes(count: float | None) -> str:
    """Bytes as megabytes of 1,000,000 bytes."""
    return quantities.digits(None if count is None else count / 1e6)


@register.filter
def per_time(per_second: float | None, what: str) -> tuple[str, str]:
    """How often something happens, as amount and unit, in the unit of time that reads best: 3.6 and 'requests/s'."""
    factor, unit = quantities.per_time(per_second)
    return quantities.digits(None if per_second is None else per_second * factor), f"{what}/{unit}"


@register.filter
def rate(per_second: float | None, what: str) -> str:
    """The same in one piece: '3 requests/min'."""
    return " ".join(per_time(per_second, what))


@register.filter
def duration(seconds: float | None) -> str:
    """'4.83 ms': in the unit that reads best; a dash for what was not measured."""
    return quantities.duration(seconds or None)


@register.filter
def tiny(value: float | None) -> str:
    """'2.1 × 10⁻⁶': for numbers that may be far below one; None as a dash."""
    return quantities.tiny(value)


@register.filter
def short(digest: str) -> str:
    """The first twelve characters of a digest."""
    return digest.removeprefix("sha256:")[:12]


@register.filter
def traceback(text: str) -> str:
    """Evidence as people read it: tracebacks with short paths, without the frames of the scoring server."""
    return tracebacks.shorten(text)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with `changes`; None removes a key. The page always starts over."""
    values = context["request"].GET.copy()
    if "page" not in changes:
        values.pop("page", None)
    for key, value in changes.items():
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
    return f"?{values.urlencode()}" if values else "?"


@register.simple_block_tag
def capture(content: str) -> SafeString:
    """A component's text, written over several lines: `{% capture as hint %}…{% endcapture %}`.

    White space collapses to single spaces. The content is template text: escaped where it is inserted.
    """
    return SafeString(" ".join(content.split()))


@register.simple_block_tag
def table(content: str, *headings: str, label: str = "", stack: bool = False) -> SafeString:
    """A table around its rows: `{% table "Name" "p95>" "(Actions)" label="Services" %}<tr>…</tr>{% endtable %}`.

    A heading with `>` is of a column of numbers; one in brackets is read aloud only; an empty one makes no column, so
    that a column may depend on a variable. `label` names the region, so that the keyboard can scroll it; `stack` makes
    each row a card on a narrow screen, where cells need `data-label`.
    """
    columns = [
        {"text": one.strip("()").removesuffix(">"), "hidden": one.startswith("("), "align": one.endswith(">")}
        for one in headings
        if one
    ]
    context = {"headings": columns, "rows": SafeString(content), "label": label, "stack": stack}
    return render_to_string("components/table.html", context)
