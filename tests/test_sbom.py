"""The software bill of materials names everything that is installed or served."""

import json
import re
import subprocess
import sys

import pytest

from tests.stack import ROOT

pytest.importorskip("cyclonedx")


@pytest.fixture(scope="module")
def components():
    done = subprocess.run([sys.executable, "ops/sbom.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    return bill["components"]


def test_every_locked_package_is_named_with_version_and_digests(components):
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert set(pins) <= {(one["name"], one["version"]) for one in components}


def test_vendored_files_are_named_and_everything_has_its_digest(components):
    names = {one["name"] for one in components}
    assert {"htmx.org", "plotly.js-cartesian-dist-min", "plotly.js", "@tabler/icons"} <= names
    assert all(one["hashes"][0]["content"] for one in components)


def test_packages_that_are_installed_here_have_a_licence(components):
    without = {one["name"] for one in components if not one.get("licenses")}
    assert without <= {"async-timeout", "colorama", "pywin32", "tzdata", "importlib-metadata", "zipp"}


def test_packages_with_copyleft_are_in_the_notice(components):
    notice = (ROOT / "NOTICE").read_text()
    copyleft = {one["name"] for one in components if re.search("GPL|MPL", json.dumps(one.get("licenses", [])))}
    assert "psycopg" in copyleft
    assert {name for name in copyleft if name not in notice} == set()
