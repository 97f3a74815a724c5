"""The audit trail as CSV."""

import csv
import io
from collections.abc import Iterator

from django.db.models import QuerySet

from studio.activity.models import Event

COLUMNS = ["at", "who", "action", "what", "object type", "object", "why"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets would calculate


def csv_lines(events: QuerySet[Event]) -> Iterator[str]:
    """A line of column names, then one for each event, in the order of the query."""
    yield _line(COLUMNS)
    for event in events.iterator(chunk_size=1000):
        before, after = event.sentence_around_subject
        yield _line(
            [
                event.at.isoformat(),
                event.actor_name,
                event.action,
                f"{before}{event.subject_label}{after}",
                event.subject_type,
                event.subject_label,
                event.reason,
            ]
        )


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(f"'{value}" if value.startswith(_FORMULA) else value for value in values)
    return text.getvalue()
