import pytest

from studio.core.quantities import counted
from tests.core.test_template_tags import render


@pytest.mark.parametrize(
    ("per_second", "words"),
    [
        (3.61, "3.61 req/s"),
        (1, "1 req/s"),
        (0.499, "29.9 req/min"),
        (0.00568, "0.341 req/min"),
        (12345, "12,300 req/s"),
        (0, "0 req/s"),
        (None, "– req/s"),
    ],
)
def test_rate_below_one_per_second_is_given_per_minute(per_second, words):
    assert render("{{ value|rate:'req' }}", value=per_second) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 files"), (1, "1 file"), (1642, "1,642 files")])
def test_one_thing_has_no_plural(count, words):
    assert counted(count, "file") == words
