"""The registry's pages as Bob (contributor), Carol (viewer) and Mallory (somebody else's admin) meet them."""

import io
import zipfile

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from registry.models import Model, ModelVersion, Upload, VersionState
from tests.registry.factories import make_upload, make_version, onnx_bytes

EVIL = "<script>alert(1)</script>"


def url(where, **place):
    return reverse(where, kwargs={"workspace": "vision", **place})


@pytest.fixture(autouse=True)
def nothing_kept():
    """Facets are kept for a while; every test starts without."""
    cache.clear()


@pytest.fixture
def iris(workspace, bob):
    return make_version(workspace, "iris", user=bob, tags={"area": "tabular"}, description="# Iris\n\nThree *kinds*.")


@pytest.fixture
def here(iris):
    return {"name": "iris", "number": iris.number}


def text_of(response):
    return response.content.decode()


# --- looking --------------------------------------------------------------------------------------


def test_an_empty_workspace_offers_to_register_and_to_add_samples(sign_in, bob):
    page = text_of(sign_in(bob).get(url("model_list")))
    assert "No models yet" in page
    assert url("add_samples") in page
    assert url("model_register") in page


def test_a_viewer_of_an_empty_workspace_is_offered_nothing_that_they_may_not_do(sign_in, carol):
    page = text_of(sign_in(carol).get(url("model_list")))
    assert "No models yet" in page
    assert url("add_samples") not in page
    assert url("model_register") not in page


def test_the_list_shows_models_with_chips_that_add_themselves_to_the_filter(sign_in, carol, iris):
    page = text_of(sign_in(carol).get(url("model_list"), {"filter": "iris"}))
    assert url("model_detail", name="iris") in page
    assert "filter=iris%2Carea%3Dtabular" in page
    assert "1 model with a version that matches" in page


def test_a_filter_narrows_the_list(sign_in, carol, workspace, iris):
    make_version(workspace, "digits", tags={"area": "vision"})
    response = sign_in(carol).get(url("model_list"), {"filter": "area=vision"})
    assert [row["version"].name for row in response.context["rows"]] == ["digits"]


def test_a_filter_that_cannot_be_read_is_kept_and_explained(sign_in, carol, iris):
    response = sign_in(carol).get(url("model_list"), {"filter": 'area="vis'})
    assert response.status_code == 400
    assert "position 10" in text_of(response)
    assert 'value="area=&quot;vis"' in text_of(response)


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999", "7"])
def test_a_page_number_that_does_not_exist_gives_the_nearest(sign_in, carol, iris, number):
    assert len(sign_in(carol).get(url("model_list"), {"page": number}).context["rows"]) == 1


def test_htmx_gets_only_the_results(sign_in, carol, iris):
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


def test_counting_stops_at_the_next_thousand(sign_in, carol, workspace, monkeypatch):
    monkeypatch.setattr("registry.found_models.BLOCK", 2)
    monkeypatch.setattr("registry.found_models.PER_PAGE", 1)
    for number in range(5):
        make_version(workspace, f"m{number}", files={})
    client = sign_in(carol)
    totals = [client.get(url("model_list"), {"page": page}).context["total"] for page in range(1, 6)]
    assert totals == ["2+", "4+", "4+", "5", "5"]


def test_facets_count_frameworks_and_tags_of_what_was_found(sign_in, carol, workspace, iris):
    make_version(workspace, "digits", tags={"area": "vision", "stage": "prod"})
    make_version(workspace, "more", tags={"area": "vision"}, files={"model.pkl": b"x"})
    groups = sign_in(carol).get(url("model_facets"), {"filter": "area=vision"}).context["groups"]
    assert {name: [(chip.value, chip.count, chip.chosen) for chip in chips] for name, chips in groups} == {
        "Framework": [("onnx", 1, False), ("scikit-learn", 1, False)],
        "area": [("vision", 2, True)],
        "stage": [("prod", 1, False)],
    }


def test_facets_say_how_many_models_there_are_when_the_list_stops_counting(sign_in, carol, workspace, monkeypatch):
    for number in range(3):
        make_version(workspace, f"m{number}", files={})
    monkeypatch.setattr("registry.facets.MOST", 2)
    assert "2+ models found" in text_of(sign_in(carol).get(url("model_facets")))


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


def test_a_viewer_of_a_model_is_offered_no_deployment(sign_in, carol, iris):
    assert f"{url('deploy')}?" not in text_of(sign_in(carol).get(url("model_detail", name="iris")))


@pytest.mark.parametrize(("state", "asks"), [(VersionState.UPLOADED, True), (VersionState.READY, False)])
def test_the_list_asks_again_as_long_as_a_version_is_inspected(sign_in, carol, workspace, state, asks):
    make_version(workspace, "iris", state=state)
    assert ("every 2s" in text_of(sign_in(carol).get(url("model_list")))) is asks


def test_a_version_shows_its_card_signature_and_tags(sign_in, carol, here):
    page = text_of(sign_in(carol).get(url("version_detail", **here)))
    assert "<em>kinds</em>" in page
    assert "x_out" in page
    assert "tabular" in page


def test_the_files_tab_shows_paths_sizes_and_digests(sign_in, carol, workspace):
    version = make_version(workspace, "folder", files={"a.onnx": onnx_bytes(), "data/b.bin": b"12345"})
    page = text_of(sign_in(carol).get(url("version_detail", name="folder", number=1), {"tab": "files"}))
    assert "data/" in page
    assert "5 B" in page
    assert version.files.get(path="data/b.bin").artifact_id in page


@pytest.mark.parametrize("tab", ["overview", "files", "deployments", "activity", "nonsense"])
def test_every_tab_answers(sign_in, carol, here, tab):
    assert sign_in(carol).get(url("version_detail", **here), {"tab": tab}).status_code == 200


def test_the_badge_polls_until_the_inspection_has_ended(sign_in, carol, workspace):
    version = make_version(workspace, "fresh", state="uploaded")
    client, address = sign_in(carol), url("version_state", name="fresh", number=1)
    moving = client.get(address)
    assert 'hx-trigger="every 2s"' in text_of(moving)
    assert "HX-Refresh" not in moving.headers
    ModelVersion.objects.filter(pk=version.pk).update(state="ready")
    settled = client.get(address)
    assert "every 2s" not in text_of(settled)
    assert settled.headers["HX-Refresh"] == "true"


def test_a_rejected_version_says_why_and_what_to_do(sign_in, bob, workspace):
    rejection = {"message": "The file is cut off.", "hint": "Upload it again."}
    make_version(workspace, "broken", state="rejected", rejection=rejection)
    page = text_of(sign_in(bob).get(url("version_detail", name="broken", number=1)))
    assert "The file is cut off." in page
    assert "Upload it again." in page
    assert "Inspect again" in page
    assert "Deploy</a>" not in page


def test_what_people_type_is_never_run(sign_in, carol, workspace):
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


# --- strangers and viewers ------------------------------------------------------------------------

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
def test_a_stranger_finds_nothing(sign_in, mallory, iris, where, place):
    assert sign_in(mallory).get(url(where, **place)).status_code == 404


@pytest.mark.parametrize(("where", "place"), PAGES)
def test_nobody_gets_in_without_signing_in(client, iris, where, place):
    assert client.get(url(where, **place)).status_code == 302


@pytest.mark.parametrize(("where", "place"), CHANGES)
def test_a_viewer_cannot_change_anything(sign_in, carol, iris, where, place):
    assert sign_in(carol).post(url(where, **place), {"add_tag": "a=b", "name": "iris"}).status_code == 403
    assert ModelVersion.objects.count() == 1
    assert iris.tags.count() == 1


def test_a_viewer_sees_no_buttons_that_change_things(sign_in, carol, here):
    page = text_of(sign_in(carol).get(url("version_detail", **here)))
    for address in (url("version_edit", **here), url("version_delete", **here), "Deploy</a>"):
        assert address not in page


@pytest.mark.parametrize("place", [{"name": "none", "number": 1}, {"name": "iris", "number": 9}])
def test_a_version_that_is_not_there_is_not_found(sign_in, carol, iris, place):
    assert sign_in(carol).get(url("version_detail", **place)).status_code == 404


# --- changing -------------------------------------------------------------------------------------


def test_a_tag_is_added_changed_and_removed(sign_in, bob, iris, here):
    client, address = sign_in(bob), url("version_edit", **here)
    assert client.post(address, {"add_tag": "stage=draft"}).status_code == 302
    client.post(address, {"add_tag": "stage=prod"})
    client.post(address, {"remove_tag": "area"})
    assert [str(tag) for tag in iris.tags.all()] == ["stage=prod"]


def test_htmx_gets_the_tags_back(sign_in, bob, here):
    response = sign_in(bob).post(
        url("version_edit", **here), {"add_tag": "stage=draft"}, headers={"HX-Request": "true"}
    )
    assert text_of(response).strip().startswith('<div id="tags"')
    assert "stage=draft" in text_of(response)


def test_a_tag_without_an_equals_sign_is_refused_and_kept_in_the_field(sign_in, bob, iris, here):
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


def test_a_version_is_deleted_after_it_was_asked(sign_in, bob, iris, here):
    client, address = sign_in(bob), url("version_delete", **here)
    assert "Delete iris:1?" in text_of(client.get(address))
    assert client.post(address).status_code == 302
    assert not ModelVersion.objects.exists()
    assert "No versions left" in text_of(client.get(url("model_detail", name="iris")))


def test_delete_is_refused_while_a_service_uses_the_version_and_says_which(sign_in, bob, here, monkeypatch):
    monkeypatch.setattr("registry.usage.services_using", lambda version: ["flowers"])
    client, address = sign_in(bob), url("version_delete", **here)
    assert "flowers" in text_of(client.get(address))
    refused = client.post(address)
    assert refused.status_code == 409
    assert "flowers" in text_of(refused)
    assert ModelVersion.objects.count() == 1


# --- registering ----------------------------------------------------------------------------------


def typed(**more):
    return {
        "name": "iris",
        "tags": "area=tabular\nstage=draft",
        "properties": "accuracy=0.97",
        "memory_gb": "1.5",
        **more,
    }


def test_a_version_is_registered_from_a_plain_form(sign_in, bob, workspace):
    file = SimpleUploadedFile("model.onnx", onnx_bytes())
    response = sign_in(bob).post(url("model_register"), typed(files=file))
    assert response.headers["Location"] == url("version_detail", name="iris", number=1)
    version = ModelVersion.objects.get()
    assert {str(tag) for tag in version.tags.all()} == {"area=tabular", "stage=draft"}
    assert (version.properties, version.memory_gb, version.framework) == ({"accuracy": "0.97"}, 1.5, "onnx")
    assert [file.path for file in version.files.all()] == ["model.onnx"]


def test_a_version_is_registered_from_files_that_arrived_before(sign_in, bob, workspace):
    arrived = [make_upload(workspace, bob, "a.onnx", onnx_bytes()), make_upload(workspace, bob, "b/c.txt")]
    sign_in(bob).post(url("model_register"), typed(uploads=[one.pk for one in arrived]))
    assert [file.path for file in ModelVersion.objects.get().files.all()] == ["a.onnx", "b/c.txt"]


def test_an_archive_is_unpacked_when_asked(sign_in, bob, workspace):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/model.onnx", onnx_bytes())
    file = SimpleUploadedFile("bundle.zip", packed.getvalue())
    sign_in(bob).post(url("model_register"), typed(files=file, unpack="on"))
    assert [file.path for file in ModelVersion.objects.get().files.all()] == ["inside/model.onnx"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tags": "draft"}, "has no"),
        ({"tags": "a=1\na=2"}, "given twice"),
        ({"properties": "a=1\na=2"}, "given twice"),
        ({"properties": "accuracy"}, "has no"),
        ({"name": "../etc"}, "cannot be a model"),
        ({"name": ""}, "This field is required"),
        ({"cpu": "many"}, "Enter a number"),
        ({"framework": "abacus"}, "not one of the available choices"),
    ],
)
def test_a_refused_form_keeps_what_was_typed_and_what_had_arrived(sign_in, bob, workspace, wrong, said):
    file = SimpleUploadedFile("model.onnx", onnx_bytes())
    response = sign_in(bob).post(url("model_register"), typed(files=file, **wrong))
    page = text_of(response)
    assert response.status_code == 422
    assert said in page
    assert 'value="1.5"' in page
    assert str(Upload.objects.get().pk) in page
    assert not ModelVersion.objects.exists()


def test_a_form_without_files_says_so(sign_in, bob):
    response = sign_in(bob).post(url("model_register"), typed())
    assert response.status_code == 422
    assert "at least one file" in text_of(response)


@pytest.mark.parametrize("upload", ["nonsense", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
def test_an_upload_that_is_not_there_is_refused(sign_in, bob, upload):
    assert sign_in(bob).post(url("model_register"), typed(uploads=upload)).status_code == 422


def test_the_form_offers_existing_names_with_their_next_number(sign_in, bob, iris):
    page = text_of(sign_in(bob).get(url("model_register"), {"name": "iris"}))
    assert "next: version 2" in page
    assert 'value="iris"' in page


# --- downloads ------------------------------------------------------------------------------------


def test_a_file_is_downloaded_and_never_shown(sign_in, carol, here):
    response = sign_in(carol).get(url("version_file", path="model.onnx", **here))
    assert b"".join(response.streaming_content) == onnx_bytes()
    assert response.headers["Content-Disposition"] == 'attachment; filename="model.onnx"'
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Length"] == str(len(onnx_bytes()))


@pytest.mark.parametrize("path", ["../secret.key", "none.bin"])
def test_a_file_that_the_version_does_not_have_is_not_found(sign_in, carol, here, path):
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


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("where", "place", "queries"), [("model_list", {}, 10), ("model_detail", {"name": "m0"}, 10)])
def test_a_page_costs_the_same_queries_however_much_it_shows(
    sign_in, carol, workspace, count, where, place, queries, django_assert_num_queries
):
    for number in range(count):
        make_version(workspace, f"m{number}", user=carol, tags={"area": "vision"}, files={})
        make_version(workspace, "m0", tags={"area": "vision"}, files={})
    client = sign_in(carol)
    with django_assert_num_queries(queries):
        client.get(url(where, **place))
