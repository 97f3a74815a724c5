"""The registry's pages for a viewer, an administrator of another workspace, and an anonymous visitor."""

import pytest

from registry.models import ModelVersion
from tests.pages import text_of, url

PAGES = [
    ("model_list", {}),
    ("model_facets", {}),
    ("model_register", {}),
    ("model_detail", {"name": "iris"}),
    ("version_detail", {"name": "iris", "number": 1}),
    ("version_state", {"name": "iris", "number": 1}),
    ("version_delete", {"name": "iris", "number": 1}),
    ("version_file", {"name": "iris", "number": 1, "path": "model.onnx"}),
    ("version_archive", {"name": "iris", "number": 1}),
]
CHANGES = [
    ("model_register", {}),
    ("add_samples", {}),
    ("version_edit", {"name": "iris", "number": 1}),
    ("version_delete", {"name": "iris", "number": 1}),
]


@pytest.mark.parametrize(("where", "place"), PAGES)
def test_pages_are_not_found_for_non_members(sign_in, mallory, iris, where, place):
    assert sign_in(mallory).get(url(where, **place)).status_code == 404


@pytest.mark.parametrize(("where", "place"), PAGES)
def test_anonymous_visitor_is_sent_to_sign_in(client, iris, where, place):
    assert client.get(url(where, **place)).status_code == 302


@pytest.mark.parametrize(("where", "place"), CHANGES)
def test_a_viewer_cannot_change_anything(sign_in, carol, iris, where, place):
    assert sign_in(carol).post(url(where, **place), {"add_tag": "a=b", "name": "iris"}).status_code == 403
    assert ModelVersion.objects.count() == 1
    assert iris.tags.count() == 1


def test_viewer_sees_no_buttons_that_change_anything(sign_in, carol, here):
    page = text_of(sign_in(carol).get(url("version_detail", **here)))
    for address in (url("version_edit", **here), url("version_delete", **here), "Deploy</a>"):
        assert address not in page


@pytest.mark.parametrize("place", [{"name": "none", "number": 1}, {"name": "iris", "number": 9}])
def test_unknown_version_is_not_found(sign_in, carol, iris, place):
    assert sign_in(carol).get(url("version_detail", **place)).status_code == 404
