"""Azure's inferenceconfig.json on its way into the composer, in a real browser."""

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import look
from tests.deployments.service_factories import make_config

CONDA = {"channels": ["conda-forge"], "dependencies": ["python=3.6.2", {"pip": ["azureml-defaults", "joblib"]}]}
DOCUMENT = {
    "entryScript": "score.py",
    "environment": {
        "name": "from-azure",
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "docker": {"enabled": True, "baseImage": "mcr.microsoft.com/azureml/base"},
        "python": {"condaDependencies": CONDA},
    },
}


def test_inferenceconfig_is_corrected_and_fills_in_the_composer(open_as, bob, workspace):
    page = open_as(bob, "/w/vision/configs/new/import/")
    page.get_by_label("inferenceconfig.json").fill(json.dumps(DOCUMENT, indent=2))
    page.expected.append("422")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Python 3.6.2 is not installed on this machine")).to_be_visible()
    look(page, "config-import-wrong")
    page.get_by_label("Python version").fill("3.11")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Environment variables")).to_have_value("EXAMPLE_ENV_VAR=EXAMPLE_VALUE")
    expect(page.get_by_text("environment.docker.baseImage has no effect")).to_be_visible()
    look(page, "config-imported")


def test_script_without_a_model_is_deployed_with_its_variables(open_as, bob, workspace):
    make_config(workspace, bob, variables={"LEVEL": "info"})
    page = open_as(bob, "/w/vision/configs/own/1/")
    expect(page.get_by_role("heading", name="Environment variables")).to_be_visible()
    look(page, "config-with-variables")
    page.get_by_role("link", name="Deploy with this config").click()
    page.get_by_label("Model version", exact=True).select_option("none")
    page.get_by_label("Name", exact=True).fill("echo")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page).to_have_url(re.compile("/w/vision/services/echo/$"))
    look(page, "service-without-a-model")
