"""A version's page: reading, editing, deleting, and downloading its files."""

import io
import zipfile

import pytest

from registry.errors import FileDamaged
from registry.models import ModelVersion
from registry.store import damage
from registry.views.fact_rows import fact_rows
from tests.pages import text_of, url
from tests.registry.factories import make_version, onnx_bytes

EVIL = "<script>alert(1)</script>"


def test_a_version_shows_its_card_signature_and_tags(sign_in, carol, here):
    page = text_of(sign_in(carol).get(url("version_detail", **here)))
    assert "<em>kinds</em>" in page
    assert "x_out" in page
    assert "tabular" in page


def test_result_of_the_trial_is_shown(sign_in, carol, workspace):
    inputs = [{"name": "x", "datatype": "FP32", "shape": [0, -1]}]
    inputs.append({"name": "alpha", "datatype": "FP32", "shape": [], "optional": True})
    runtime = {"name": "onnxruntime", "version": "1.31.1", "loads": True, "rows": [2, 3, 1], "note": ""}
    facts = {"main_file": "model.onnx", "runtime": runtime, "declared_shapes": {"label": [1]}, "warnings": ["Mind it."]}
    signature = {"inputs": inputs, "outputs": [], "columns": ["a", "b"]}
    make_version(workspace, "tried", facts=facts, signature=signature)
    page = text_of(sign_in(carol).get(url("version_detail", name="tried", number=1)))
    assert "onnxruntime 1.31.1, which loads it and answers 1, 2, 3 rows" in page
    assert "label [1]" in page
    assert page.index("Mind it.") < page.index("Description")
    assert '[0, <abbr title="any size">?</abbr>]' in " ".join(page.split())
    assert page.count('<span class="muted">optional</span>') == 1
    assert "Columns, in the model's order: a, b" in page.replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("loads", "message"),
    [(False, "onnxruntime 1.31.1, which cannot load it"), (None, "nothing. Too large.")],
)
def test_failed_or_skipped_trial_is_shown(loads, message):
    runtime = {"name": "onnxruntime", "version": "1.31.1", "loads": loads, "rows": [], "note": "Too large."}
    assert fact_rows({"runtime": runtime}) == [("Tried with", message)]


def test_the_files_tab_shows_paths_sizes_and_digests(sign_in, carol, workspace):
    version = make_version(workspace, "folder", files={"a.onnx": onnx_bytes(), "data/b.bin": b"12345"})
    page = text_of(sign_in(carol).get(url("version_detail", name="folder", number=1), {"tab": "files"}))
    assert "data/" in page
    assert "5 B" in page
    assert version.files.get(path="data/b.bin").artifact_id in page


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"# Iris <b>\n", "# Iris &lt;b&gt;\n</code>"),
        ("é".encode() * 50_001, "é</code>"),
        (b"a" + "é".encode() * 50_000, "é</code>"),
        (b"\x80\x04K\x00.", "This file is not text: download it."),
        (b"a\x00b", "This file is not text: download it."),
        (b"", "This file is empty."),
    ],
)
def test_the_files_tab_shows_a_text_file_for_reading(sign_in, carol, workspace, content, shown):
    make_version(workspace, "folder", files={"docs/read me.md": content})
    address = url("version_detail", name="folder", number=1)
    page = text_of(sign_in(carol).get(address, {"tab": "files", "file": "docs/read me.md"}))
    assert "?tab=files&amp;file=docs%2Fread%20me.md#preview" in page
    assert shown in page
    assert ("This is the beginning of the file" in page) == (len(content) > 100_000)


def test_preview_of_an_unknown_file_is_not_found(sign_in, carol, here):
    assert sign_in(carol).get(url("version_detail", **here), {"tab": "files", "file": "../x"}).status_code == 404


@pytest.mark.parametrize("tab", ["overview", "files", "graph", "deployments", "activity", "nonsense"])
def test_every_tab_opens(sign_in, carol, here, tab):
    assert sign_in(carol).get(url("version_detail", **here), {"tab": tab}).status_code == 200


def test_state_badge_polls_until_the_inspection_has_ended(sign_in, carol, workspace):
    version = make_version(workspace, "fresh", state="uploaded")
    client, address = sign_in(carol), url("version_state", name="fresh", number=1)
    moving = client.get(address)
    assert 'hx-trigger="every 2s"' in text_of(moving)
    assert "HX-Refresh" not in moving.headers
    ModelVersion.objects.filter(pk=version.pk).update(state="ready")
    settled = client.get(address)
    assert "every 2s" not in text_of(settled)
    assert settled.headers["HX-Refresh"] == "true"


def test_rejected_version_shows_the_reason_and_the_next_step(sign_in, bob, workspace):
    rejection = {"message": "The file is cut off.", "hint": "Upload it again."}
    make_version(workspace, "broken", state="rejected", rejection=rejection)
    page = text_of(sign_in(bob).get(url("version_detail", name="broken", number=1)))
    assert "The file is cut off." in page
    assert "Upload it again." in page
    assert "Inspect again" in page
    assert f'href="{url("deploy")}?' not in page


def test_a_damaged_version_names_the_file_and_cannot_be_deployed(sign_in, bob, workspace):
    version = make_version(workspace, "broken", files={"a.bin": b"a", "b.bin": b"b"})
    damage.note_damaged(version.files.get(path="b.bin").artifact, FileDamaged)
    client, address = sign_in(bob), url("version_detail", name="broken", number=1)
    page = text_of(client.get(address))
    assert "The stored bytes of b.bin are no longer those that were uploaded" in page
    assert "Upload the same file again" in page
    assert f'href="{url("deploy")}?' not in page
    table = text_of(client.get(address, {"tab": "files"})).split("<tbody>")[1]
    assert ["damaged" in row for row in table.split("<tr>")[1:]] == [False, True]
    preview = text_of(client.get(address, {"tab": "files", "file": "b.bin"})).partition('id="preview"')[2]
    assert "no longer those that were uploaded" in preview
    download = client.get(url("version_file", name="broken", number=1, path="b.bin"))
    assert (download.status_code, "no longer those that were uploaded" in text_of(download)) == (409, True)
    assert "broken" in text_of(client.get(url("model_list"), {"filter": "state=damaged"}))


def test_user_input_is_escaped(sign_in, carol, workspace):
    make_version(
        workspace,
        "evil",
        description=f"{EVIL} [x](javascript:alert(1)) ![i](http://host/i.png) <img src=x onerror=alert(1)>",
        tags={"area": EVIL},
        files={f"{EVIL[:8]}.bin": b"x"},
        properties={"note": EVIL},
        facts={"operators": {EVIL: 1}},
    )
    client = sign_in(carol)
    for address in (url("model_list"), url("model_detail", name="evil"), url("version_detail", name="evil", number=1)):
        for tab in ("overview", "files"):
            page = text_of(client.get(address, {"tab": tab}))
            assert "<script>" not in page
            assert "javascript:alert" not in page.replace("](javascript:alert(1))", "")
            assert "<img" not in page


def test_a_tag_is_added_changed_and_removed(sign_in, bob, iris, here):
    client, address = sign_in(bob), url("version_edit", **here)
    assert client.post(address, {"add_tag": "stage=draft"}).status_code == 302
    client.post(address, {"add_tag": "stage=prod"})
    client.post(address, {"remove_tag": "area"})
    assert [str(tag) for tag in iris.tags.all()] == ["stage=prod"]


def test_htmx_request_gets_the_tags(sign_in, bob, here):
    response = sign_in(bob).post(
        url("version_edit", **here), {"add_tag": "stage=draft"}, headers={"HX-Request": "true"}
    )
    assert text_of(response).strip().startswith('<div id="tags"')
    assert "stage=draft" in text_of(response)


def test_tag_without_an_equals_sign_is_rejected_and_kept_in_the_field(sign_in, bob, iris, here):
    response = sign_in(bob).post(url("version_edit", **here), {"add_tag": "draft"})
    assert response.status_code == 422
    assert "has no &#x27;=&#x27;" in text_of(response)
    assert 'value="draft"' in text_of(response)
    assert iris.tags.count() == 1


def test_the_description_is_edited_and_properties_are_only_added(sign_in, bob, iris, here):
    client, address = sign_in(bob), url("version_edit", **here)
    client.post(address, {"description": "New words"})
    client.post(address, {"add_property": "accuracy=0.97"})
    changed = client.post(address, {"add_property": "accuracy=0.99"})
    iris.refresh_from_db()
    assert iris.description == "New words"
    assert iris.properties == {"accuracy": "0.97"}
    assert changed.status_code == 409


def test_version_is_deleted_after_confirmation(sign_in, bob, iris, here):
    client, address = sign_in(bob), url("version_delete", **here)
    assert "Delete iris:1?" in text_of(client.get(address))
    assert client.post(address).status_code == 302
    assert not ModelVersion.objects.exists()
    assert "No versions left" in text_of(client.get(url("model_detail", name="iris")))


def test_version_in_use_cannot_be_deleted_and_the_services_are_named(sign_in, bob, here, monkeypatch):
    monkeypatch.setattr("registry.versions.usage.services_using", lambda version: ["flowers"])
    client, address = sign_in(bob), url("version_delete", **here)
    assert "flowers" in text_of(client.get(address))
    refused = client.post(address)
    assert refused.status_code == 409
    assert "flowers" in text_of(refused)
    assert ModelVersion.objects.count() == 1


def test_file_is_sent_as_an_attachment(sign_in, carol, here):
    response = sign_in(carol).get(url("version_file", path="model.onnx", **here))
    assert b"".join(response.streaming_content) == onnx_bytes()
    assert response.headers["Content-Disposition"] == 'attachment; filename="model.onnx"'
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Length"] == str(len(onnx_bytes()))


@pytest.mark.parametrize("path", ["../secret.key", "none.bin"])
def test_unknown_file_is_not_found(sign_in, carol, here, path):
    assert sign_in(carol).get(f"/w/vision/models/iris/1/files/{path}").status_code == 404


def test_an_archive_holds_every_file(sign_in, carol, workspace):
    make_version(workspace, "folder", files={"a.bin": b"1" * 3_000_000, "data/b.bin": b"2"})
    response = sign_in(carol).get(url("version_archive", name="folder", number=1))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    assert {info.filename: info.file_size for info in archive.infolist()} == {
        "a.bin": 3_000_000,
        "data/b.bin": 1,
    }
