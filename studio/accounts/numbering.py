"""The next number of a name in a workspace."""

from django.db.models import Max, QuerySet

from studio.accounts.models import NameCounter, Workspace
from studio.core.numbering import take_number


def next_number(workspace: Workspace, name: str, rows: "QuerySet") -> int:
    """The next number for a row of this name among `rows`, which have `workspace`, `name` and `number`.

    Call it inside the transaction that inserts the row. A name without a counter goes on after the newest row.
    """
    mine = {"workspace": workspace, "kind": rows.model._meta.model_name, "name": name}
    counters = NameCounter.objects.filter(**mine)
    if not counters.exists():
        newest = rows.filter(workspace=workspace, name=name).aggregate(newest=Max("number"))["newest"]
        NameCounter.objects.get_or_create(**mine, defaults={"last_number": newest or 0})
    return take_number(counters)
