"""Pickles without a script: they import only what `pickled_names` allows, whatever reader opens them.

An audit hook sees the imports of every reader (pickle's own, joblib's, those of arrays of objects), in the thread that
loads. The walls around the server are what holds code back; this keeps it from being called at all.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scoring.pickled_names import is_allowed


class RefusedNameError(Exception):
    """The file imports something that only an entry script may bring."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it imports {name}, which is loaded in an entry script only")
        self.name = name


class _Loading(threading.local):
    is_guarded = False


_loading = _Loading()
_hooked: list[bool] = []


@contextmanager
def allowed_names_only() -> Iterator[None]:
    """Within it, this thread's pickles import allowed names only; others raise RefusedNameError."""
    if not _hooked:
        sys.addaudithook(_refuse)  # hooks stay: one for the whole process
        _hooked.append(True)
    before, _loading.is_guarded = _loading.is_guarded, True
    try:
        yield
    finally:
        _loading.is_guarded = before


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and _loading.is_guarded:
        name = f"{arguments[0]}.{arguments[1]}"
        if not is_allowed(name):
            raise RefusedNameError(name)
