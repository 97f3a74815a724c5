"""Estimators within estimators: steps of pipelines, members of ensembles, transformers of columns."""

from collections.abc import Iterator
from typing import Any

MOST = 100_000  # objects that are looked at
OWN = ("sklearn.", "xgboost.", "lightgbm.", "catboost.")


def estimators_in(outer: Any) -> Iterator[Any]:
    """`outer` and every estimator below it, each once, the outer ones first."""
    waiting, seen = [outer], set[int]()
    while waiting and len(seen) < MOST:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif type(one).__module__.startswith(OWN) and hasattr(one, "get_params"):
            yield one
            waiting += vars(one).values()


def run_on_one_core(outer: Any) -> None:
    """Have every estimator use the calling thread alone.

    The server has a process for each core already: threads of an estimator's own would fight them over the cores, and
    starting them costs more than a small request (https://scikit-learn.org/stable/computing/parallelism.html).
    """
    for one in estimators_in(outer):
        for name in ("n_jobs", "thread_count"):
            if name in vars(one):
                setattr(one, name, 1)
        if hasattr(one, "get_booster") and hasattr(one, "_Booster"):
            one.get_booster().set_param({"nthread": 1})
