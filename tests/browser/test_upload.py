"""Uploads from the browser: chosen, dropped, interrupted and resumed."""

import pytest
from playwright.sync_api import Page, Route, expect

from registry.models import ModelVersion, Upload
from tests.browser.conftest import look
from tests.registry.factories import make_version, onnx_bytes


@pytest.fixture
def files(tmp_path):
    """Two files, the larger of several chunks (see `small_chunks`)."""
    (tmp_path / "weights.bin").write_bytes(bytes(range(256)) * 12)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    return [tmp_path / "weights.bin", tmp_path / "labels.txt"]


@pytest.fixture(autouse=True)
def small_chunks(settings):
    settings.SLIPWAY = {**settings.SLIPWAY, "CHUNK_BYTES": 1024}


def drop(page: Page, *named: tuple[str, str]) -> None:
    """Let files fall onto the zone, as a drag from the desktop would."""
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) transfer.items.add(new File([text], name));
            return transfer;
        }""",
        [list(each) for each in named],
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})


def test_chosen_files_become_a_version(open_as, bob, files):
    page = open_as(bob, "/w/vision/models/register/")
    page.locator("input[type=file][multiple]").set_input_files(files)
    expect(page.locator(".drop")).to_have_attribute("data-state", "ready")
    expect(page.locator(".drop-total")).to_contain_text("2 files, 3.1 kB, all uploaded")
    look(page, "register")
    page.get_by_label("Name").fill("pets")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("pets:1")
    version = ModelVersion.objects.get(model__name="pets")
    assert {file.path: file.artifact.size for file in version.files.all()} == {"weights.bin": 3072, "labels.txt": 8}


def test_dropped_files_are_uploaded_at_once(open_as, bob):
    page = open_as(bob, "/w/vision/models/register/")
    expect(page.locator(".drop")).to_have_attribute("data-ready", "yes")
    drop(page, ("one.txt", "1"), ("two.txt", "22"))
    expect(page.locator(".drop-list li[data-tone=ok]")).to_have_count(2)
    expect(page.locator("input[name=uploads]")).to_have_count(2)


def test_upload_resumes_after_a_broken_connection(open_as, bob, files):
    page = open_as(bob, "/w/vision/models/register/")
    page.expected.append("ERR_FAILED")
    puts = []

    def break_the_second(route: Route) -> None:
        puts.append(route.request.url)
        if len(puts) == 2:
            route.abort()
        else:
            route.fallback()

    page.route("**/uploads/*?offset=*", break_the_second)
    page.locator("input[type=file][multiple]").set_input_files(files[0])
    expect(page.locator(".drop")).to_have_attribute("data-state", "ready")
    assert [url.split("offset=")[1] for url in puts] == ["0", "1024", "1024", "2048"]
    assert Upload.objects.get().received == 3072


def test_a_removed_file_is_not_registered(open_as, bob, files):
    page = open_as(bob, "/w/vision/models/register/")
    page.locator("input[type=file][multiple]").set_input_files(files)
    expect(page.locator(".drop")).to_have_attribute("data-state", "ready")
    page.get_by_role("button", name="Remove labels.txt").click()
    expect(page.locator("input[name=uploads]")).to_have_count(1)


def test_rejected_file_shows_the_reason(open_as, bob, files, settings):
    settings.SLIPWAY = {**settings.SLIPWAY, "MAX_UPLOAD_BYTES": 100}
    page = open_as(bob, "/w/vision/models/register/")
    page.expected.append("413")
    page.locator("input[type=file][multiple]").set_input_files(files[0])
    expect(page.locator(".drop-list li")).to_have_attribute("data-tone", "bad")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_disabled()


def test_name_framework_and_paths_are_proposed_during_the_upload(open_as, bob, workspace, tmp_path):
    make_version(workspace, "flowers", tags={"area": "garden"})
    (tmp_path / "flowers.onnx").write_bytes(onnx_bytes())
    page = open_as(bob, "/w/vision/models/register/")
    page.locator("input[type=file][multiple]").set_input_files([tmp_path / "flowers.onnx"])
    expect(page.get_by_label("Name")).to_have_value("flowers")
    facts = page.locator(".facts")
    expect(facts).to_contain_text("onnx by the first bytes of flowers.onnx")
    expect(facts).to_contain_text("$AZUREML_MODEL_DIR/flowers.onnx")
    expect(page.get_by_text("The newest version of this name is flowers:1")).to_contain_text("area=garden")
    page.get_by_label("Start like the newest version").check()
    look(page, "register-proposed")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("flowers:2")
    expect(page.locator("#tags")).to_contain_text("area=garden")


def test_typed_name_is_not_replaced_by_the_proposed_one(open_as, bob, workspace, files):
    page = open_as(bob, "/w/vision/models/register/")
    page.get_by_label("Name").fill("mine")
    page.locator("input[type=file][multiple]").set_input_files(files[0])
    expect(page.locator(".facts")).to_contain_text("weights.bin")
    expect(page.get_by_label("Name")).to_have_value("mine")


def test_leaving_during_an_upload_asks_and_the_upload_is_offered_again(open_as, bob, files):
    page = open_as(bob, "/w/vision/models/register/")
    page.expected.append("ERR_FAILED")
    page.route("**/uploads/*?offset=1024", lambda route: route.abort())
    page.locator("input[type=file][multiple]").set_input_files(files[0])
    expect(page.locator(".drop-state")).to_contain_text("Connection lost")
    expect(page.locator(".drop-total")).to_contain_text("waiting for the connection")
    asked = []

    def leave(dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.locator("h1").click()  # browsers ask only those who have used the page
    page.reload()
    assert asked == ["beforeunload"]
    expect(page.get_by_text("1.0 kB of 3.1 kB are here. Choose the file again to go on.")).to_be_visible()
    page.unroute("**/uploads/*?offset=1024")
    page.locator("input[type=file][multiple]").set_input_files(files[0])
    expect(page.locator(".drop")).to_have_attribute("data-state", "ready")
    assert Upload.objects.get().received == 3072
