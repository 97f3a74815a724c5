"""How services do at the moment, as their pages and lists tell it."""

import pytest

from monitoring.telemetry.recent import read_recent
from monitoring.telemetry.series import Figures


@pytest.mark.parametrize(
    ("error_rate", "tone"),
    [(None, ""), (0.0, ""), (0.009, ""), (0.01, "warn"), (0.099, "warn"), (0.1, "bad"), (1.0, "bad")],
)
def test_error_rate_tone_is_warn_from_1_percent_and_bad_from_10(error_rate, tone):
    assert Figures(error_rate=error_rate).tone == tone


def test_recent_figures_cover_the_last_15_minutes(service, add_window):
    add_window(service, ago=1000, latencies=[1000] * 9, codes={"500": 9})
    add_window(service, ago=100, latencies=[1000] * 4, codes={"200": 4})
    found = read_recent([service])[service.pk]
    assert (found.requests, found.errors) == (4, 0)


def test_recent_figures_are_cached(service, add_window, django_assert_num_queries):
    add_window(service, ago=30, latencies=[1000] * 7)
    assert read_recent([service])[service.pk].requests == 7
    with django_assert_num_queries(0):
        assert read_recent([service])[service.pk].requests == 7


def test_home_lists_a_healthy_service_with_failing_requests(service, add_window, carol, sign_in):
    type(service).objects.update(phase="Healthy")
    add_window(service, ago=100, latencies=[1000] * 4, codes={"200": 1, "500": 3})
    html = sign_in(carol).get("/w/vision/").content.decode()
    assert "Not healthy" in html
    assert "75 % errors" in html
    assert "/w/vision/services/iris/?tab=logs&amp;level=error" in html
