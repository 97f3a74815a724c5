"""Lists of models and versions over REST."""

import pytest

from tests.registry.factories import make_version, serve
from tests.registry.rest_answers import BASE

pytestmark = pytest.mark.django_db


def test_models_are_listed_with_their_newest_version(rest, workspace, bob):
    make_version(workspace, "digits", user=bob, tags={"area": "vision"})
    for _ in range(2):
        make_version(workspace, "iris", user=bob, tags={"area": "tabular"})
    listed = rest.get(f"{BASE}/models?sort=name").json()
    assert listed["count"] == 2
    assert [(row["name"], row["latest"]["id"], row["versions"]) for row in listed["results"]] == [
        ("digits", "digits:1", 1),
        ("iris", "iris:2", 2),
    ]
    found = rest.get(f"{BASE}/models", {"filter": "area=vision"}).json()["results"]
    assert [row["name"] for row in found] == ["digits"]
    assert rest.get(f"{BASE}/models/iris").json()["latest"]["id"] == "iris:2"
    assert [row["id"] for row in rest.get(f"{BASE}/models/iris/versions").json()["results"]] == ["iris:2", "iris:1"]


def test_filtered_model_shows_its_newest_matching_version(rest, workspace, bob):
    for stage in ("live", "live", "draft"):
        make_version(workspace, "iris", user=bob, tags={"stage": stage})
    (row,) = rest.get(f"{BASE}/models", {"filter": "stage=live"}).json()["results"]
    assert (row["latest"]["id"], row["match"]["id"], row["match"]["tags"]) == ("iris:3", "iris:2", {"stage": "live"})
    (row,) = rest.get(f"{BASE}/models").json()["results"]
    assert row["match"]["id"] == "iris:3"
    assert rest.get(f"{BASE}/models/iris").json()["match"]["id"] == "iris:3"


def test_versions_are_listed_by_filter(rest, workspace, bob):
    make_version(workspace, user=bob, tags={"stage": "draft"})
    make_version(workspace, user=bob, tags={"stage": "ready"})
    found = rest.get(f"{BASE}/versions", {"filter": "stage=ready"}).json()["results"]
    assert [row["id"] for row in found] == ["iris:2"]


def test_unparsable_filter_is_bad_input(rest):
    for url in ("models", "versions"):
        assert rest.get(f"{BASE}/{url}", {"filter": "(area=vision"}).status_code == 400
    assert rest.get(f"{BASE}/models", {"sort": "colour"}).status_code == 400


def test_unknown_model_is_not_found(rest):
    assert rest.get(f"{BASE}/models/iris").status_code == 404
    assert rest.get(f"{BASE}/models/iris/versions").status_code == 404


@pytest.mark.parametrize(("url", "queries"), [("models", 11), ("versions", 9), ("models/iris0/versions", 10)])
def test_number_of_queries_does_not_grow_with_the_list(rest, workspace, bob, url, queries, django_assert_num_queries):
    def add(number):
        for name in ("iris0", f"iris{number}"):
            version = make_version(workspace, name, user=bob, tags={"a": "1", "b": "2"})
            serve(workspace, version, f"shop{number}")

    add(1)
    rest.get(f"{BASE}/{url}")  # the token notes its first use
    with django_assert_num_queries(queries):
        rest.get(f"{BASE}/{url}")
    for number in (2, 3, 4):
        add(number)
    with django_assert_num_queries(queries):
        assert rest.get(f"{BASE}/{url}").json()["count"] >= 4
