"""The card Scaling on a service's page."""

from html import unescape

import pytest

from tests.deployments.service_factories import instance_of
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(fake, service):
    return fake.visit(service, 4)


def read(answer) -> str:
    """Its text in one line."""
    return " ".join(unescape(text_of(answer)).split())


def post(client, **form):
    return client.post(url("service_scale", name="iris"), form, follow=True)


def test_card_shows_the_number_and_why(sign_in, bob, running):
    page = read(post(sign_in(bob), mode="fixed", min_replicas="1", max_replicas="3", reason="a busy week"))
    assert "The number of replicas of iris is changed." in page
    assert '3 replicas <span class="muted">set here, above the revision</span>' in page
    assert "1 of 3 ready" in page
    assert instance_of(running).replicas == 3


def test_bounds_and_the_way_back(sign_in, bob, running):
    client = sign_in(bob)
    assert "0 to 4 replicas at 70 %, asleep after 300 s" in read(
        post(client, mode="load", min_replicas="0", max_replicas="4")
    )
    assert "set here, above" not in read(post(client, reset="1"))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (
            {"mode": "load", "min_replicas": "5", "max_replicas": "2"},
            "The fewest replicas, 5, are more than the most, 2.",
        ),
        ({"mode": "fixed", "max_replicas": "many"}, "'many' is no number of replicas."),
        ({"mode": "fixed", "max_replicas": "0"}, "replicas must lie between 1 and 1000; it is 0."),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(sign_in, bob, running, form, told):
    assert told in read(post(sign_in(bob), **form))
    assert instance_of(running).replicas == 1


def test_service_that_sleeps_says_how_it_wakes(sign_in, bob, running):
    running.instances.update(replicas=0)
    assert "asleep: the next request through the front wakes it" in read(
        sign_in(bob).get(url("service_detail", name="iris"))
    )


def test_viewers_see_no_form(sign_in, carol, running):
    page = read(sign_in(carol).get(url("service_detail", name="iris")))
    assert "1 of 1 ready" in page
    assert "Change the number" not in page
