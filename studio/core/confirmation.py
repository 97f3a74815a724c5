"""Ask before something that cannot be taken back, or that callers will notice.

The page that asks stands behind the address that acts: GET asks, POST acts. With JavaScript the same question is shown
in a dialog over the page whose button leads there (static/js/behaviours/confirm.js).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse

from studio.core.errors import SlipwayError
from studio.core.pages import render


@dataclass(frozen=True)
class Change:
    """One thing that will be different afterwards, in words; `before` or `after` is empty where there is nothing."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """`title` ends with a question mark and names the thing, `text` says what it means for whom, `action` labels the
    button, `back` is where Cancel leads, `fields` are sent along."""

    title: str
    text: str
    action: str
    back: str
    fields: Mapping[str, str] = field(default_factory=dict)
    changes: Sequence[Change] = ()


def ask(request: HttpRequest, question: Question) -> HttpResponse:
    """The page with the question; for a script only its form."""
    return render(request, "confirm.html", {"question": question}, partial="question")


def unless_refused(
    request: HttpRequest, question: Question, *, check: Callable[[], None], act: Callable[[], None]
) -> HttpResponse | None:
    """GET asks, and POST acts; both say why not where `check` or `act` refuses. None once it is done."""
    try:
        check()
        if request.method != "POST":
            return ask(request, question)
        act()
    except SlipwayError as error:
        return refuse(request, question, error)
    return None


def refuse(request: HttpRequest, question: Question, error: SlipwayError) -> HttpResponse:
    """The page that says why it cannot be done, without the button. A question is answered, so GET has status 200."""
    status = error.status if request.method == "POST" else 200
    context = {"question": question, "error": error}
    return render(request, "confirm.html", context, partial="question", status=status)
