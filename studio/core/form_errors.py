"""Shows an error of the studio in the form that caused it."""

from django.forms import BaseForm

from studio.core.errors import SlipwayError


def show(form: BaseForm, error: SlipwayError) -> None:
    """Put the error beside the field it is about, or above the form when that has no such field."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, f"{error.message} {error.hint}".strip())
