"""Every address of the project, read from the URL map: a new route is in the permission tests by existing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

SAFE = {"GET", "HEAD", "OPTIONS"}
# What stands for a thing that does not exist: roles must be checked before anything is looked up.
NOTHING = {"int": "999999", "uuid": "00000000-0000-0000-0000-000000000000"}


@dataclass(frozen=True)
class Route:
    pattern: str
    view: Any

    def __str__(self) -> str:
        return self.pattern

    @property
    def is_rest(self) -> bool:
        return self.pattern.startswith("api/v1/")

    @property
    def in_workspace(self) -> bool:
        return "<slug:workspace>" in self.pattern

    @property
    def view_class(self) -> type | None:
        return getattr(self.view, "cls", None) or getattr(self.view, "view_class", None)

    def methods(self) -> list[str]:
        """What a REST view answers; pages take both of what a browser sends."""
        if actions := getattr(self.view, "actions", None):
            return sorted(method.upper() for method in actions if method != "head")
        if self.is_rest and self.view_class:
            return [
                name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(self.view_class, name)
            ]
        return ["GET", "POST"]

    def unsafe_methods(self) -> list[str]:
        return [method for method in self.methods() if method not in SAFE]

    def path(self, workspace: str = "vision", **values: Any) -> str:
        """An address of this route in `workspace`: of what `values` names, else of things that do not exist."""
        named = self.pattern.replace("<slug:workspace>", workspace)
        return "/" + re.sub(
            r"<(?:(\w+):)?(\w+)>", lambda found: str(values.get(found[2]) or NOTHING.get(found[1], "nothing")), named
        )

    def role(self, method: str) -> str:
        """The least role that may use `method`, as the view declares it."""
        safe = method in SAFE
        if declared := getattr(self.view, "required_roles", None):
            return declared["read" if safe else "write"]
        assert self.view_class is not None
        action = getattr(self.view, "actions", {}).get(method.lower())
        return self.view_class.action_roles.get(
            action, self.view_class.read_role if safe else self.view_class.write_role
        )


def _walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[Route]:
    for each in patterns:
        here = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, here)
        else:
            yield Route(here, each.callback)


def all_routes() -> list[Route]:
    """Every route except Django's own administration site."""
    return [route for route in _walk(get_resolver().url_patterns) if not route.pattern.startswith("admin/")]
