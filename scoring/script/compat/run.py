"""`Run` and `Workspace`: a service has neither, which is an error only where a script uses one."""

import uuid
from typing import Any

from scoring.core.noting import note
from scoring.script.compat.model import WebserviceException


class Workspace:
    """Scripts import it beside `Model`; using it inside a service fails with the reason."""

    def __init__(self, *given: Any, **more: Any) -> None:
        raise WebserviceException("A service has no workspace: take models by Model.get_model_path(name).")

    @classmethod
    def from_config(cls, *given: Any, **more: Any) -> "Workspace":
        return cls(*given, **more)

    @classmethod
    def get(cls, *given: Any, **more: Any) -> "Workspace":
        return cls(*given, **more)


class Run:
    """A run outside every experiment: what is logged to it is printed. A value that is not 0, None, False or empty is
    also an event of the request: the service's requests with it are counted by name, and a rollout may guard them."""

    def __init__(self) -> None:
        self.id = f"OfflineRun_{uuid.uuid4()}"

    @classmethod
    def get_context(cls, allow_offline: bool = True, **more: Any) -> "Run":
        """The run of this process."""
        if not allow_offline:
            raise WebserviceException("A service is part of no run.")
        return cls()

    def log(self, name: str, value: Any, description: str = "") -> None:
        """Print a value with its name, and count the request by that name."""
        if isinstance(value, bool | int | float | str | None) and value:
            note(name)
        print(f"{name}: {value}")  # noqa: T201 - the log of a service is what it prints

    def log_list(self, name: str, value: list[Any], description: str = "") -> None:
        self.log(name, value)

    def log_row(self, name: str, description: str | None = None, **values: Any) -> None:
        self.log(name, values)
