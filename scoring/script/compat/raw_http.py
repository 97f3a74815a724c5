"""`rawhttp`, `AMLRequest` and `AMLResponse`: a script that speaks HTTP itself, on werkzeug's request and response."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from werkzeug.wrappers import Request, Response

Run = TypeVar("Run", bound=Callable[..., Any])
RUN_FAILED = "x-ms-run-function-failed"
_decorated: list[Callable[..., Any]] = []


def rawhttp(run: Run) -> Run:
    """Mark run(): it takes the request itself."""
    _decorated.append(run)
    return run


def any_decorated() -> bool:
    """Whether the script has used the mark."""
    return bool(_decorated)


class AMLRequest(Request):
    """What a marked run() gets. The server has limited the body already, so forms are not limited again."""

    max_form_memory_size = None


class AMLResponse(Response):
    """An answer with a status and headers of its own.

    `message` is text or bytes, or anything with `json_str`; None answers `{}`. A header's value is split at its
    commas into several headers of that name.
    """

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        given = response_headers or {}
        if json_str or message is None:
            super().__init__(json.dumps({} if message is None else message), status_code, mimetype="application/json")
        else:
            super().__init__(message, status_code)
            if "Content-Type" in given:
                self.headers.remove("Content-Type")
        self.headers[RUN_FAILED] = str(run_function_failed)
        for name, value in given.items():
            for part in str(value).split(","):
                self.headers.add(name, part.strip())
