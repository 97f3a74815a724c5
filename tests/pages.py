"""Pages of the workspace Vision: their addresses, and what they say."""

import re
from html import unescape

from django.urls import reverse


def url(where: str, **place) -> str:
    """The address of a page: `url("version_detail", name="iris", number=1)`."""
    return reverse(where, kwargs={"workspace": "vision"} | place)


def text_of(response) -> str:
    return response.content.decode()


def words_of(page: str, name: str) -> str:
    """What the first element of that class says, without its markup; it holds no other element of its own kind."""
    tag, inside = re.search(rf'<(\w+)[^>]*class="{name}"[^>]*>(.*)', page, re.DOTALL).groups()
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inside.split(f"</{tag}>")[0])).split())
