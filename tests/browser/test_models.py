"""The list of models and a model's page in a real browser."""

import pytest
from playwright.sync_api import expect

from registry.models import Model, ModelVersion, Tag
from tests.browser.conftest import look
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

CARD = """Tells three *kinds* of irises apart by the sizes of their leaves.

| measure | value |
|---|---|
| accuracy | 0.97 |
"""


@pytest.fixture
def many(workspace, bob):
    """Sixty models with three tags each."""
    models = Model.objects.bulk_create(
        Model(workspace=workspace, name=f"model-{number:03}", last_number=1) for number in range(60)
    )
    versions = ModelVersion.objects.bulk_create(
        ModelVersion(
            workspace=workspace, model=one, name=one.name, number=1, state="ready", framework="onnx", created_by=bob
        )
        for one in models
    )
    Tag.objects.bulk_create(
        Tag(workspace=workspace, model=one.model, version=one, key=key, value=value)
        for one in versions
        for key, value in (("area", "tabular"), ("owner", "a-team-with-a-long-name"), ("stage", "production"))
    )
    return models


def test_model_list_has_single_line_rows_and_equal_counts(open_as, bob, workspace, many):
    deploy(workspace, bob, make_version(workspace, "iris", user=bob, tags={"area": "tabular"}))
    page = open_as(bob, "/w/vision/models/")
    rows = page.locator("#model-rows tbody tr")
    expect(rows).to_have_count(25)
    heights = {round(row.bounding_box()["height"]) for row in rows.all()}
    assert heights <= {36, 37}
    expect(page.locator("#model-rows caption")).to_have_text("1–25 of 61 models")
    expect(page.get_by_label("Pages")).to_contain_text("1–25 of 61")
    expect(page.get_by_label("Framework", exact=True)).to_contain_text("61")
    look(page, "models-many")


def test_model_page_shows_card_services_and_versions(open_as, bob, workspace):
    deploy(workspace, bob, make_version(workspace, "iris", user=bob, tags={"area": "tabular"}, description=CARD))
    page = open_as(bob, "/w/vision/models/iris/")
    expect(page.get_by_role("region", name="Services")).to_contain_text("/score")
    expect(page.get_by_role("region", name="Newest: iris:1")).to_contain_text("three kinds of irises")
    look(page, "model")


def test_workspace_address_follows_the_typed_name(open_as, alice):
    alice.is_superuser = True
    alice.save()
    page = open_as(alice, "/workspaces/new/")
    page.get_by_label("Name").press_sequentially("Team Größe_2")
    expect(page.get_by_label("Address")).to_have_value("team-groe-2")
    page.get_by_label("Address").fill("mine")
    page.get_by_label("Name").press_sequentially(" x")
    expect(page.get_by_label("Address")).to_have_value("mine")
    look(page, "workspace-new")
