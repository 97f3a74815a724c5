"""The bundles of the studio's own style sheets and scripts."""

import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

STATIC = Path(settings.BASE_DIR) / "static"
APART = {"theme_boot.js", "api_page.js"}  # run before the page is drawn, and on the API page only


def test_every_style_sheet_is_in_the_bundle():
    bundled = Path(finders.find("bundles/app.css")).read_text()

    sheets = [sheet for sheet in (STATIC / "css").rglob("*.css") if sheet.name != "api_page.css"]
    assert [sheet.name for sheet in sheets if sheet.read_text() not in bundled] == []


def test_every_script_is_in_the_bundle():
    bundled = Path(finders.find("bundles/app.js")).read_text()

    for script in (STATIC / "js").rglob("*.js"):
        longest = max(re.sub(r"^(import|export) .*", "", script.read_text(), flags=re.M).splitlines(), key=len)
        assert script.name in APART or longest in bundled, script


def test_behaviours_that_templates_name_exist():
    known = set(re.findall(r'\["(\w+)", start', (STATIC / "js" / "behaviours.js").read_text()))

    named = set()
    for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        for value in re.findall(r'data-behaviour="([^"{]+)"', template.read_text()):
            named |= set(value.split())
    assert named - known == set()


def test_bundles_are_found_under_their_names_only():
    assert finders.find("bundles/other.js") is None
    assert finders.find("bundles/app.js", find_all=True) == [finders.find("bundles/app.js")]
