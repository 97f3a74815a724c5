import pytest

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
def test_rates_are_told_in_the_unit_of_time_that_reads_best(per_second, words):
    assert render("{{ value|rate:'req' }}", value=per_second) == words
