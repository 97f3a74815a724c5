"""Conversions in the browser: ask for one, read what came of it, register the winner, and see where it comes from."""

import pytest
from playwright.sync_api import expect

from registry.models import Conversion
from studio.core.job_runner import run_job
from tests.browser.conftest import look
from tests.registry.conversion.conftest import forest, own_environment, sklearn_version
from tests.registry.factories import make_conversion

__all__ = ["forest", "own_environment", "sklearn_version"]  # fixtures


@pytest.mark.usefixtures("own_environment")
def test_model_is_converted_and_the_winner_registered(open_as, bob, sklearn_version, forest):
    sklearn_version(forest)
    page = open_as(bob, "/w/vision/models/wine/1/")
    page.get_by_role("link", name="Convert", exact=True).click()
    look(page, "conversion-form")
    for name in ("simplified", "float16", "int8, dynamic", "int8, static"):
        page.get_by_role("checkbox", name=name).uncheck()
    page.get_by_role("button", name="Convert", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Convert wine:1")
    run_job("conversion", Conversion.objects.get().pk)

    page.reload()
    expect(page.get_by_text("times as fast for one row")).to_be_visible()
    variants = page.get_by_role("region", name="Variants").get_by_role("row")
    expect(variants.filter(has_text="recommended")).to_have_count(1)
    look(page, "conversion-done")
    page.get_by_role("button", name="Register as wine:2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("wine:2")
    lineage = page.get_by_role("region", name="Lineage")
    expect(lineage).to_contain_text("converted as")
    expect(lineage.get_by_role("link", name="wine:1")).to_be_visible()
    look(page, "conversion-derived-version")


def test_refused_variant_says_why(open_as, bob, sklearn_version):
    done = make_conversion(sklearn_version(b"a pickle"), bob)
    page = open_as(bob, f"/w/vision/conversions/{done.pk}/")
    refused = page.get_by_role("row").filter(has_text="refused")
    expect(refused).to_contain_text("41 of 400 rows are decided otherwise.")
    expect(refused.get_by_role("button", name="Register anyway")).to_have_count(0)
    look(page, "conversion-refused")
