"""`Collector` of `azureml.ai.monitoring`: data frames out of the script, to `scoring.core.collecting`."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from scoring.core import collecting
from scoring.script.compat.collector import ModelDataCollector, table_of
from scoring.script.compat.correlation import CorrelationContext, get_context
from scoring.script.compat.model import Model

DESIGNATIONS = {"model_inputs": "inputs", "model_outputs": "predictions"}  # the names that Azure's monitoring knows


class Collector:
    """Collects data frames under a name. What cannot be collected goes to `on_error`, or is raised without one."""

    def __init__(self, *, name: str, on_error: Callable[[Exception], Any] | None = None) -> None:
        self.name = name
        self.on_error = on_error or _raise
        held = Model.list()
        self._model, self._version = (held[0].name, str(held[0].version)) if len(held) == 1 else ("", "")
        if not name:
            self.on_error(ValueError("collection name is not provided"))

    def collect(self, data: Any, correlation_context: Any = None) -> CorrelationContext | Any:
        """Collect a pandas data frame; gives the context under which it is kept, for what belongs to it."""
        context = get_context() if correlation_context is None else correlation_context
        if not self.name:
            self.on_error(ValueError("collection name is not provided"))
        elif not _is_frame(data):
            supported = "supported types: pandas.DataFrame"
            self.on_error(TypeError(f"data type ({type(data).__name__}) not supported, {supported}"))
        else:
            self._keep(data, context)
        return context

    def _keep(self, frame: Any, context: Any) -> None:
        columns, rows = table_of(frame)
        timestamp = getattr(context, "get_timestamp", lambda: None)()
        moment = datetime.now(timezone.utc) if timestamp is None else datetime.fromtimestamp(timestamp, timezone.utc)  # noqa: UP017
        correlation = {
            ModelDataCollector.AML_DC_CORRELATION_HEADER: str(context.get_id()),
            ModelDataCollector.AML_DC_SCORING_TIMESTAMP_HEADER: moment.isoformat(),
            **getattr(context, "get_headers", dict)(),
        }
        collecting.collect(
            {
                "designation": DESIGNATIONS.get(self.name, "general"),
                "model": self._model,
                "version": self._version,
                "collection": self.name,
                "columns": columns,
                "rows": rows,
                "correlation": correlation,
                "time": datetime.now(timezone.utc).isoformat(),  # noqa: UP017 - Python 3.10 has no datetime.UTC
                "request": collecting.request_id(),
            }
        )


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "notna")


def _raise(error: Exception) -> None:
    raise error
