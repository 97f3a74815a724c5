"""The composer in a real browser: its editor, several files, the environment made in place, a dry run, and on to the
deployment."""

import pytest
from playwright.sync_api import Page, expect

from deployments.models import InferenceConfig
from registry.store.artifacts import open_artifact
from tests.browser.conftest import look
from tests.registry.factories import make_version

COMPOSER = "/w/vision/configs/new/"


@pytest.fixture
def grapes(workspace, bob):
    facts = {"format": "pickle", "main_file": "model.pkl", "globals": ["sklearn.svm._classes.SVC"]}
    files = {"model.pkl": b"x"}
    return make_version(workspace, "grapes", user=bob, files=files, framework_version="1.7.2", facts=facts)


def editor(page: Page):
    """The editor that is shown; it takes the place of the text when somebody moves into that."""
    if (plain := page.locator("textarea:visible.mono")).count():
        plain.first.focus()
    return page.locator(".editor:visible .ace_text-input")


def write(page: Page, text: str) -> None:
    """Replace what stands in the editor, as by pasting."""
    editor(page).focus()
    page.keyboard.press("Enter")  # into the editor: Tab goes past it
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_editor_is_fetched_when_somebody_moves_into_the_text_and_goes_on_at_its_cursor(open_as, bob, workspace):
    page = open_as(bob, COMPOSER)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Name", exact=True).fill("own")
    expect(page.locator("#id_script")).to_be_visible()
    assert not any("vendor/ace" in url for url in asked)
    page.locator("#id_script").focus()
    page.evaluate("document.querySelector('#id_script').setSelectionRange(0, 0)")
    expect(page.locator(".ace_text-input")).to_be_focused()
    page.keyboard.insert_text("# first\n")
    assert page.locator("#id_script").input_value().startswith("# first\n")


def test_code_editor_has_line_numbers_colours_and_tab(open_as, bob, workspace):
    page = open_as(bob, COMPOSER)
    page.locator("#id_script").hover()
    expect(page.locator(".ace_gutter-cell").first).to_have_text("1")
    expect(page.locator(".ace_keyword").first).to_be_visible()
    write(page, "def init(): ...\n\ndef run(data):\n")
    page.keyboard.press("Tab")
    page.keyboard.insert_text("return data")
    expect(page.locator("#id_script")).to_have_value("def init(): ...\n\ndef run(data):\n    return data")
    expect(page.get_by_text("run() is there and takes the request's data.")).to_be_visible()
    look(page, "composer")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor(page)).not_to_be_focused()


def test_several_files_are_edited_and_saved_as_one_config(open_as, bob, workspace):
    page = open_as(bob, COMPOSER)
    write(page, "import features\n\ndef init(): ...\n\ndef run(data):\n    return features.of(data)\n")
    page.get_by_role("button", name="Add a file").click()
    page.get_by_role("textbox", name="File").fill("features.py")
    write(page, "def of(data):\n    return data\n")
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["score.py", "features.py"])
    look(page, "composer-files")
    page.get_by_label("Name", exact=True).fill("own")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("own:1")
    files = InferenceConfig.objects.get().files.select_related("artifact")
    contents = {file.path: open_artifact(file.artifact).read().decode() for file in files}
    assert contents == {
        "features.py": "def of(data):\n    return data\n",
        "score.py": "import features\n\ndef init(): ...\n\ndef run(data):\n    return features.of(data)\n",
    }
    expect(page.get_by_role("link", name="Deploy with this config")).to_be_visible()
    look(page, "config")


def test_check_is_repeated_when_a_file_has_arrived(open_as, bob, workspace, tmp_path):
    (tmp_path / "features.py").write_text("x = 1\n")
    page = open_as(bob, COMPOSER)
    write(page, "import features\n\ndef init(): ...\n\ndef run(data):\n    return data\n")
    expect(page.get_by_text("imports features, and the environment has no features")).to_be_visible()
    page.locator("input[type=file][multiple]").set_input_files([tmp_path / "features.py"])
    expect(page.get_by_text("Every import is covered")).to_be_visible()


def test_dry_run_result_is_shown_on_the_page(open_as, bob, workspace):
    page = open_as(bob, COMPOSER)
    page.get_by_label("Sample request").fill('{"data": [[1, 2], [3, 4]]}')
    page.get_by_role("button", name="Try it").click()
    result = page.locator("#trial-result")
    expect(result).to_contain_text('"rows": 2', timeout=60_000)
    look(page, "composer-tried")


def test_pickle_is_deployed_by_way_of_the_composer(open_as, bob, grapes):
    page = open_as(bob, "/w/vision/deploy/?version=grapes:1")
    look(page, "deploy-needs-script")
    page.get_by_role("link", name="Write a script for grapes:1").click()
    expect(page.locator("#id_requirements")).to_have_value("scikit-learn==1.7.2")
    expect(page.get_by_text("Every import is covered")).to_be_visible()
    look(page, "composer-for-a-model")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deploy grapes:1")
    expect(page.get_by_label("Inference config")).to_have_value("grapes:1")
    look(page, "deploy-with-script")


def test_missing_packages_are_added_to_a_new_environment(open_as, bob, workspace):
    page = open_as(bob, COMPOSER)
    script = "import xgboost\n\ndef init(): ...\n\ndef run(data):\n    return data\n"
    write(page, script)
    page.get_by_role("button", name="New environment with xgboost").click()
    expect(page.locator("#id_requirements")).to_have_value("xgboost")
    expect(page.locator("#id_script")).to_have_value(script)
    expect(page.locator("#id_environment")).to_have_value("+")
