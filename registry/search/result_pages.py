"""The models that a search found, page by page: one question for order and count, one for the rows of a page.

Counting every match of a common tag would cost more than showing a page of it, so that counting stops at the
end of the block of models that the page is in.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from django.core.paginator import Page, Paginator

from registry.models import Model
from registry.search.search import DEFAULT_SORT, models_of, newest_found, ordering, parse
from studio.accounts.models import Workspace

PER_PAGE = 25
BLOCK = 250  # models; counting goes on in steps of so many


class FoundModels:
    """A sequence that a Paginator can cut; knows no more than `limit` models. Raises `BadInput`."""

    def __init__(self, workspace: Workspace, text: str, sort: str, limit: int) -> None:
        self.workspace, self.limit, self.root = workspace, limit, parse(text).root
        self.order = ordering(sort)

    @cached_property
    def _ids(self) -> list[int]:
        """The matching models in order, one more than the limit at most."""
        models = models_of(self.workspace, self.root).order_by(*self.order)
        return list(models.values_list("pk", flat=True)[: self.limit + 1])

    @property
    def capped(self) -> bool:
        return len(self._ids) > self.limit

    def __len__(self) -> int:
        return min(len(self._ids), self.limit)

    def __getitem__(self, cut: slice) -> list[Model]:
        ids = self._ids[: self.limit][cut]
        rows = Model.objects.filter(pk__in=ids).prefetch_related(newest_found(self.workspace, self.root))
        by_id = {model.pk: model for model in rows}
        # A version may have gone, or changed its tags, between the two questions.
        return [by_id[pk] for pk in ids if pk in by_id and by_id[pk].found]


def page_of_models(workspace: Workspace, text: str, sort: str, number: int | str = 1) -> tuple[Page[Model], str]:
    """Page `number` (the nearest that exists), and how many there are in all, such as "250+"."""
    wanted = int(number) if str(number).isdecimal() and len(str(number)) < 8 else 1
    limit = (wanted * PER_PAGE // BLOCK + 1) * BLOCK
    models = FoundModels(workspace, text, sort or DEFAULT_SORT, limit)
    page = Paginator(cast(Sequence[Model], models), PER_PAGE).get_page(wanted)  # it only counts and cuts
    return page, f"{len(models):,}{'+' if models.capped else ''}"
