"""The list of models, its facets and a model's page, for Bob (contributor) and Carol (viewer)."""

import pytest

from deployments.models import Service
from registry.models import Model, ModelVersion, VersionState
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url
from tests.registry.factories import make_version


def test_empty_workspace_offers_registration_and_samples(sign_in, bob):
    page = text_of(sign_in(bob).get(url("model_list")))
    assert "No models yet" in page
    assert url("add_samples") in page
    assert url("model_register") in page


def test_empty_workspace_offers_a_viewer_no_actions(sign_in, carol):
    page = text_of(sign_in(carol).get(url("model_list")))
    assert "No models yet" in page
    assert url("add_samples") not in page
    assert url("model_register") not in page


def test_tags_of_the_list_link_to_the_narrowed_filter(sign_in, carol, iris):
    page = text_of(sign_in(carol).get(url("model_list"), {"filter": "iris"}))
    assert url("model_detail", name="iris") in page
    assert "filter=iris%2Carea%3Dtabular" in page
    assert "1 model with a version that matches" in page


def test_a_filter_narrows_the_list(sign_in, carol, workspace, iris):
    make_version(workspace, "digits", tags={"area": "vision"})
    response = sign_in(carol).get(url("model_list"), {"filter": "area=vision"})
    assert [row["version"].name for row in response.context["rows"]] == ["digits"]


def test_invalid_filter_is_kept_and_explained(sign_in, carol, iris):
    response = sign_in(carol).get(url("model_list"), {"filter": 'area="vis'})
    assert response.status_code == 400
    assert "position 10" in text_of(response)
    assert 'value="area=&quot;vis"' in text_of(response)


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999", "7"])
def test_page_number_out_of_range_shows_the_nearest_page(sign_in, carol, iris, number):
    assert len(sign_in(carol).get(url("model_list"), {"page": number}).context["rows"]) == 1


def test_htmx_request_gets_only_the_results(sign_in, carol, iris):
    page = text_of(sign_in(carol).get(url("model_list"), headers={"HX-Request": "true"}))
    assert page.strip().startswith('<div id="results"')
    assert "<html" not in page


def test_long_lists_are_paged_and_counted(sign_in, carol, workspace):
    Model.objects.bulk_create(Model(workspace=workspace, name=f"m{n:02}", last_number=1) for n in range(30))
    ModelVersion.objects.bulk_create(
        ModelVersion(workspace=workspace, model=model, name=model.name, number=1) for model in Model.objects.all()
    )
    client = sign_in(carol)
    first = client.get(url("model_list"), {"sort": "name"})
    assert first.context["total"] == "30"
    second = client.get(url("model_list"), {"sort": "name", "page": 2})
    assert [row["version"].name for row in second.context["rows"]] == ["m25", "m26", "m27", "m28", "m29"]


def test_total_is_exact_beyond_the_block_of_the_page(sign_in, carol, workspace, monkeypatch):
    monkeypatch.setattr("registry.search.result_pages.BLOCK", 2)
    monkeypatch.setattr("registry.search.result_pages.PER_PAGE", 1)
    for number in range(5):
        make_version(workspace, f"m{number}", files={})
    client = sign_in(carol)
    pages = [client.get(url("model_list"), {"page": page, "sort": "name"}) for page in range(1, 6)]
    assert [page.context["total"] for page in pages] == ["5"] * 5
    assert [page.context["rows"][0]["version"].name for page in pages] == ["m0", "m1", "m2", "m3", "m4"]
    assert text_of(pages[2]).count("3–3 of") == 2
    assert 'rel="next"' in text_of(pages[2])


def test_total_is_capped_at_the_limit_of_counting(sign_in, carol, workspace, monkeypatch):
    monkeypatch.setattr("registry.search.result_pages.BLOCK", 1)
    monkeypatch.setattr("registry.search.result_pages.PER_PAGE", 1)
    monkeypatch.setattr("registry.search.result_pages.MOST", 3)
    for number in range(5):
        make_version(workspace, f"m{number}", files={})
    client = sign_in(carol)
    totals = [client.get(url("model_list"), {"page": page}).context["total"] for page in range(1, 6)]
    assert totals == ["3+", "3+", "4+", "5", "5"]


def test_facets_count_frameworks_and_tags_of_the_results(sign_in, carol, workspace, iris):
    make_version(workspace, "digits", tags={"area": "vision", "stage": "prod"})
    make_version(workspace, "more", tags={"area": "vision"}, files={"model.pkl": b"x"})
    groups = sign_in(carol).get(url("model_facets"), {"filter": "area=vision"}).context["groups"]
    assert {name: [(chip.value, chip.count, chip.chosen) for chip in chips] for name, chips in groups} == {
        "Framework": [("onnx", 1, False), ("scikit-learn", 1, False)],
        "area": [("vision", 2, True)],
        "stage": [("prod", 1, False)],
    }


def test_facets_count_models_instead_of_versions(sign_in, carol, workspace, iris):
    make_version(workspace, "iris", tags={"area": "tabular"})
    make_version(workspace, "wine", tags={"area": "tabular"}, files={"model.pkl": b"x"})
    client = sign_in(carol)
    groups = client.get(url("model_facets")).context["groups"]
    counts = {(chip.key, chip.value): chip.count for _, chips in groups for chip in chips}
    assert counts == {("framework", "onnx"): 1, ("framework", "scikit-learn"): 1, ("area", "tabular"): 2}
    for (key, value), count in counts.items():
        assert client.get(url("model_list"), {"filter": f"{key}={value}"}).context["total"] == str(count)


def test_row_shows_filtered_tags_first_and_counts_the_rest(sign_in, carol, workspace):
    make_version(workspace, "iris", tags={"area": "tabular", "owner": "ada", "stage": "prod", "team": "blue"})
    page = sign_in(carol).get(url("model_list"), {"filter": "stage=prod"})
    (row,) = page.context["rows"]
    assert [(chip.key, chip.chosen) for chip in row["chips"]] == [("stage", True), ("area", False)]
    assert row["further"] == 2
    assert ">+2</a>" in text_of(page)


def test_model_page_shows_the_card_of_the_newest_version(sign_in, carol, workspace, iris):
    make_version(workspace, "iris", description="The *second* attempt.")
    page = text_of(sign_in(carol).get(url("model_detail", name="iris")))
    assert "The <em>second</em> attempt." in page
    assert "Three <em>kinds</em>" not in page


def test_model_page_lists_services_with_state_and_address(sign_in, carol, workspace, bob, iris):
    deploy(workspace, bob, iris)
    client = sign_in(carol)
    page = " ".join(text_of(client.get(url("model_detail", name="iris"))).split())
    assert f'<a href="{url("service_detail", name="iris")}">iris</a>' in page
    assert "Transitioning" in page
    panel = text_of(client.get(url("model_services", name="iris"), headers={"HX-Request": "true"}))
    assert f"http://127.0.0.1:{Service.objects.get().port}/score" in panel
    assert "<html" not in panel


def test_a_model_lists_its_versions_newest_first(sign_in, carol, workspace, iris):
    make_version(workspace, "iris")
    page = text_of(sign_in(carol).get(url("model_detail", name="iris")))
    assert page.index("iris:2") < page.index("iris:1")


def test_a_model_offers_to_deploy_its_newest_ready_version(sign_in, bob, workspace, iris):
    make_version(workspace, "iris", state=VersionState.REJECTED)
    assert f'{url("deploy")}?version=iris:1"' in text_of(sign_in(bob).get(url("model_detail", name="iris")))


def test_a_model_without_a_ready_version_offers_no_deployment(sign_in, bob, workspace):
    make_version(workspace, "iris", state=VersionState.UPLOADED)
    assert f"{url('deploy')}?" not in text_of(sign_in(bob).get(url("model_detail", name="iris")))


def test_viewer_is_offered_no_deployment(sign_in, carol, iris):
    assert f"{url('deploy')}?" not in text_of(sign_in(carol).get(url("model_detail", name="iris")))


@pytest.mark.parametrize(("state", "asks"), [(VersionState.UPLOADED, True), (VersionState.READY, False)])
def test_list_is_polled_while_a_version_is_inspected(sign_in, carol, workspace, state, asks):
    make_version(workspace, "iris", state=state)
    assert ("every 2s" in text_of(sign_in(carol).get(url("model_list")))) is asks


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("where", "place", "queries"), [("model_list", {}, 10), ("model_detail", {"name": "m0"}, 10)])
def test_number_of_queries_does_not_grow_with_the_page(
    sign_in, carol, workspace, count, where, place, queries, django_assert_num_queries
):
    for number in range(count):
        make_version(workspace, f"m{number}", user=carol, tags={"area": "vision"}, files={})
        make_version(workspace, "m0", tags={"area": "vision"}, files={})
    client = sign_in(carol)
    with django_assert_num_queries(queries):
        client.get(url(where, **place))
