"""What joins the records of one request."""

from scoring.script.compat.correlation import (
    BasicCorrelationContext,
    CorrelationContext,
    WrapperContext,
    get_context,
    get_context_wrapper,
)

__all__ = ["BasicCorrelationContext", "CorrelationContext", "WrapperContext", "get_context", "get_context_wrapper"]
