"""Pure: which slots of a service's split each revision owns.

A sticky value is hashed to one of SLOTS slots (scoring.front_contract.slot_of), and whoever owns the slot answers it.
Shares change by moving as few slots as possible. A revision's slots are kept in the order in which it got them, and it
gives up the last first: going back to the shares before returns every user to who answered them before.

Slots are written as runs (first, last), both included; a run whose first is larger counts downwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from scoring.front_contract import SLOTS

Run = tuple[int, int]
Runs = list[Run]


def reassign(owned: Mapping[int, Runs], shares: Mapping[int, float]) -> dict[int, Runs]:
    """Who owns which slots after `shares` (by revision, of their sum); only revisions with slots are in it.

    `owned`: as returned before, or empty for a service that is new. Slots that nobody owns are given first.
    ValueError where no share is above zero, or one is below.
    """
    counts = _counts(shares)
    slots = {revision: list(_slots(runs)) for revision, runs in owned.items()}
    free = sorted(set(range(SLOTS)).difference(*slots.values()))
    for revision in sorted(slots, reverse=True):  # downwards here and upwards below: that is what makes it reversible
        keeps = counts.get(revision, 0)
        free += reversed(slots[revision][keeps:])
        del slots[revision][keeps:]
    given = iter(free)
    for revision in sorted(counts):
        mine = slots.setdefault(revision, [])
        mine += [next(given) for _ in range(counts[revision] - len(mine))]
    return {revision: _runs(slots[revision]) for revision in sorted(slots) if slots[revision]}


def ascending(runs: Iterable[Run]) -> Runs:
    """The same slots as the fewest runs, each and all of them upwards: as a routing file has them.

    Made of the runs and not of their slots, as a routing file has those of all services: [(5, 3), (0, 2)] → [(0, 5)].
    """
    merged: Runs = []
    for first, last in sorted((min(run), max(run)) for run in runs):
        if merged and first == merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def _counts(shares: Mapping[int, float]) -> dict[int, int]:
    """Slots of each revision, by the largest remainder; of equal ones the earlier revision gets one more."""
    exact = {revision: Fraction(str(share)) for revision, share in shares.items()}
    total = sum(exact.values())
    if not total or min(exact.values()) < 0:
        raise ValueError("shares must not be below zero, and one must be above")
    quotas = {revision: share * SLOTS / total for revision, share in exact.items()}
    counts = {revision: int(quota) for revision, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda revision: (counts[revision] - quotas[revision], revision))
    for revision in by_remainder[: SLOTS - sum(counts.values())]:
        counts[revision] += 1
    return counts


def _slots(runs: Iterable[Run]) -> Iterator[int]:
    for first, last in runs:
        yield from range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _runs(slots: Iterable[int]) -> Runs:
    """The inverse of `_slots`, in the same order."""
    runs: list[tuple[int, int, int]] = []  # first, last, direction; 0: a single slot
    for slot in slots:
        if runs:
            first, last, direction = runs[-1]
            step = slot - last
            if step in {-1, 1} and direction in {0, step}:
                runs[-1] = (first, slot, step)
                continue
        runs.append((slot, slot, 0))
    return [(first, last) for first, last, _ in runs]
