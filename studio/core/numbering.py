"""Numbers of things that people name: name:1, name:2, … A number is given once, also when several ask at a time."""

from typing import Any

from django.db.models import F, QuerySet


def take_number(counters: "QuerySet[Any]", **more: Any) -> int:
    """The next number of the one row in `counters`, whose column `last_number` is the counter; `more` are columns that
    are set with it.

    Call it inside the transaction that uses the number: the update holds the row until the commit, so whoever comes
    meanwhile waits and gets the number after it; a transaction that is rolled back gives its number to the next.
    Two at once with the counter at 3: the first updates it to 4 and reads 4; the second waits, updates 4 to 5, reads 5.
    """
    counters.update(last_number=F("last_number") + 1, **more)
    return int(counters.values_list("last_number", flat=True).get())
