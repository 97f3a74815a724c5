"""The models that a search found, page by page: one question for the order, one for the rows of a page, and one for the
number of all where the first did not see their end.

The order is read in blocks, up to the one that the page is in. Counting stops at `MOST`: a million of them would be
counted for longer than a page of them is read.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from django.core.paginator import Page, Paginator

from registry.models import Model
from registry.search.search import DEFAULT_SORT, models_of, newest_found, ordering, parse
from studio.accounts.models import Workspace

PER_PAGE = 25
BLOCK = 250  # models; the order is read in steps of so many
MOST = 2_500  # models that are counted exactly


class FoundModels:
    """A sequence that a Paginator can cut; it can give its first `limit` models. Raises `BadInput`."""

    def __init__(self, workspace: Workspace, text: str, sort: str, limit: int) -> None:
        self.workspace, self.limit, self.root = workspace, limit, parse(text).root
        self.order = ordering(sort)

    @cached_property
    def _ids(self) -> list[int]:
        """The matching models in order, one more than the limit at most."""
        models = models_of(self.workspace, self.root).order_by(*self.order)
        return list(models.values_list("pk", flat=True)[: self.limit + 1])

    @cached_property
    def _count(self) -> int:
        """How many there are, one more than `MOST` at most where the order does not go as far."""
        if len(self._ids) <= self.limit:
            return len(self._ids)
        most = max(MOST, self.limit)
        return models_of(self.workspace, self.root).order_by().values("pk")[: most + 1].count()

    @property
    def total(self) -> str:
        """The number of models, such as "1,642" or "2,500+"."""
        most = max(MOST, self.limit)
        return f"{most:,}+" if self._count > most else f"{self._count:,}"

    def __len__(self) -> int:
        return min(self._count, max(MOST, self.limit))

    def __getitem__(self, cut: slice) -> list[Model]:
        ids = self._ids[: self.limit][cut]
        rows = Model.objects.filter(pk__in=ids).prefetch_related(newest_found(self.workspace, self.root))
        by_id = {model.pk: model for model in rows}
        # A version may have gone, or changed its tags, between the two questions.
        return [by_id[pk] for pk in ids if pk in by_id and by_id[pk].found]


def page_of_models(workspace: Workspace, text: str, sort: str, number: int | str = 1) -> tuple[Page[Model], str]:
    """Page `number` (the nearest that exists), and how many models there are in all, such as "1,642" or "2,500+"."""
    wanted = int(number) if str(number).isdecimal() and len(str(number)) < 8 else 1
    limit = (wanted * PER_PAGE // BLOCK + 1) * BLOCK
    models = FoundModels(workspace, text, sort or DEFAULT_SORT, limit)
    page = Paginator(cast(Sequence[Model], models), PER_PAGE).get_page(wanted)  # it only counts and cuts
    return page, models.total
