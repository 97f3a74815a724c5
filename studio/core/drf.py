"""What every REST view shares: one error shape, one pagination.

An error answer is `{"type": ..., "errors": [{"code", "detail", "attr", "hint"}]}`.
"""

from typing import Any

from django.db import OperationalError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination

from studio.core.errors import DatabaseUnavailable, SlipwayError
from studio.core.unreadable import as_refusal


class Pagination(PageNumberPagination):
    """`?page=2&page_size=50`, at most 200 rows a page."""

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 200


class ErrorHandler(ExceptionHandler):
    """Carries our own errors over to REST framework's, with their code, status and hint."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, OperationalError):
            exc = DatabaseUnavailable(str(exc))
        exc = as_refusal(exc) or exc
        if not isinstance(exc, SlipwayError):
            return super().convert_known_exceptions(exc)
        if exc.status == 400:
            detail = {exc.field: [exc.message]} if exc.field else [exc.message]
            converted: exceptions.APIException = exceptions.ValidationError(detail, code=exc.code)
        else:
            converted = exceptions.APIException(exc.message, code=exc.code)
            converted.status_code = exc.status
        converted.hint = exc.hint  # type: ignore[attr-defined]
        return converted


class ErrorFormatter(ExceptionFormatter):
    """Adds the hint, the next step for whoever reads the answer."""

    def format_error_response(self, error_response: Any) -> Any:
        shape = super().format_error_response(error_response)
        for item in shape["errors"]:
            item["hint"] = getattr(self.exc, "hint", "")
        return shape
