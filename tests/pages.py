"""Pages of the workspace Vision: their addresses, and what they say."""

from django.urls import reverse


def url(where: str, **place) -> str:
    """The address of a page: `url("version_detail", name="iris", number=1)`."""
    return reverse(where, kwargs={"workspace": "vision"} | place)


def text_of(response) -> str:
    return response.content.decode()
