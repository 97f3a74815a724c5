"""Contexts of `azureml.ai.monitoring`: what joins the records of one request."""

import time
import uuid
from typing import Any


class CorrelationContext:
    """The base that scripts derive contexts of their own from."""

    @staticmethod
    def get_id() -> str:
        return ""

    def __str__(self) -> str:
        return self.get_id()

    __repr__ = __str__


class BasicCorrelationContext(CorrelationContext):
    """An id (a new one by default), a time in epoch seconds (now by default), and headers."""

    def __init__(
        self, id: str | None = None, timestamp: int | None = None, headers: dict[str, Any] | None = None
    ) -> None:
        self.id = id or str(uuid.uuid4())
        self.timestamp = timestamp or int(time.time())
        self.headers = headers or {}

    def get_id(self) -> str:  # type: ignore[override]
        return self.id

    def get_timestamp(self) -> int:
        return self.timestamp

    def get_headers(self) -> dict[str, Any]:
        return self.headers


class WrapperContext(CorrelationContext):
    """A context, and whether what was collected under it is kept."""

    def __init__(self, correlation_context: Any, success: bool, message: str) -> None:
        self._context = correlation_context
        self._success = success
        self._message = message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def get_id(self) -> str:  # type: ignore[override]
        return str(self._context.get_id())

    def is_success(self) -> bool:
        return self._success

    def get_message(self) -> str:
        return self._message


def get_context() -> BasicCorrelationContext:
    """A new context."""
    return BasicCorrelationContext()


def get_context_wrapper(context: Any, success: bool, message: str) -> WrapperContext:
    """The context with what has become of the data."""
    return WrapperContext(context, success, message)
