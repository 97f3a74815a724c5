"""The form that registers a version, without JavaScript."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry.models import ModelVersion, Upload
from registry.store import uploads
from tests.pages import text_of, url
from tests.registry.factories import make_upload, onnx_bytes
from tests.registry.packing import zipped


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


def test_version_is_registered_from_earlier_uploads(sign_in, bob, workspace):
    arrived = [make_upload(workspace, bob, "a.onnx", onnx_bytes()), make_upload(workspace, bob, "b/c.txt")]
    sign_in(bob).post(url("model_register"), typed(uploads=[one.pk for one in arrived]))
    assert [file.path for file in ModelVersion.objects.get().files.all()] == ["a.onnx", "b/c.txt"]


def test_archive_is_unpacked_on_request(sign_in, bob, workspace):
    file = SimpleUploadedFile("bundle.zip", zipped({"inside/model.onnx": onnx_bytes()}))
    sign_in(bob).post(url("model_register"), typed(files=file, unpack="on"))
    assert [file.path for file in ModelVersion.objects.get().files.all()] == ["inside/model.onnx"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"tags": "draft"}, "has no"),
        ({"tags": "a=1\na=2"}, "given twice"),
        ({"properties": "a=1\na=2"}, "given twice"),
        ({"properties": "accuracy"}, "has no"),
        ({"name": "../etc"}, "cannot be a model"),
        ({"cpu": "many"}, "Enter a number"),
        ({"framework": "abacus"}, "not one of the available choices"),
    ],
)
def test_rejected_form_keeps_its_fields_and_uploads(sign_in, bob, workspace, wrong, expected):
    file = SimpleUploadedFile("model.onnx", onnx_bytes())
    response = sign_in(bob).post(url("model_register"), typed(files=file, **wrong))
    page = text_of(response)
    assert response.status_code == 422
    assert expected in page
    assert 'value="1.5"' in page
    assert str(Upload.objects.get().pk) in page
    assert not ModelVersion.objects.exists()


def test_form_without_files_is_rejected(sign_in, bob):
    response = sign_in(bob).post(url("model_register"), typed())
    assert response.status_code == 422
    assert "at least one file" in text_of(response)


@pytest.mark.parametrize("upload", ["nonsense", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
def test_unknown_upload_is_rejected(sign_in, bob, upload):
    assert sign_in(bob).post(url("model_register"), typed(uploads=upload)).status_code == 422


def test_the_form_offers_existing_names_with_their_next_number(sign_in, bob, iris):
    page = text_of(sign_in(bob).get(url("model_register"), {"name": "iris"}))
    assert "next: version 2" in page
    assert 'value="iris"' in page


def test_name_defaults_to_that_of_the_file_or_folder(sign_in, bob, workspace):
    client = sign_in(bob)
    client.post(url("model_register"), typed(name="", files=SimpleUploadedFile("Iris v2.onnx", onnx_bytes())))
    folder = [make_upload(workspace, bob, path, onnx_bytes()).pk for path in ("grapes/model.onnx", "grapes/a.onnx")]
    client.post(url("model_register"), typed(name="", uploads=folder))
    assert [str(version) for version in ModelVersion.objects.order_by("id")] == ["Iris-v2:1", "grapes:1"]


def test_readme_is_the_default_description(sign_in, bob, workspace):
    def send(**more):
        files = {"grapes/model.onnx": onnx_bytes(), "grapes/README.md": "# Grapes\n\nGrößer.".encode("utf-8-sig")}
        sent = [make_upload(workspace, bob, path, content) for path, content in files.items()]
        sign_in(bob).post(url("model_register"), typed(name="grapes", uploads=[one.pk for one in sent], **more))
        return ModelVersion.objects.latest("id").description

    assert send(readme="on") == "# Grapes\n\nGrößer."
    assert send(readme="on", description="Mine.") == "Mine."
    assert send() == ""


def test_tags_and_description_are_copied_from_the_last_version_on_request(sign_in, bob, workspace, iris):
    file = SimpleUploadedFile("model.onnx", onnx_bytes())
    sign_in(bob).post(url("model_register"), typed(tags="area=garden\nnew=yes", files=file, like_last="on"))
    version = ModelVersion.objects.get(number=2)
    assert version.description == iris.description != ""
    assert {str(tag) for tag in version.tags.all()} == {"area=garden", "new=yes"}


def summary(client, **sent):
    return " ".join(text_of(client.post(url("register_summary"), sent)).split())


def test_summary_detects_the_framework_from_the_first_bytes(sign_in, bob, workspace):
    client = sign_in(bob)
    upload = uploads.begin(workspace, bob, "grapes/weights.bin", 5000)
    assert "custom" in summary(client, begun=upload.pk)
    pickled = b"\x80\x04\x95" + b"\0" * 8 + b"\x8c\x1asklearn.linear_model._ridge\x8c\x05Ridge\x93"
    uploads.append(upload, 0, io.BytesIO(pickled))
    told = summary(client, begun=upload.pk)
    assert "scikit-learn" in told
    assert "first bytes of" in told
    assert 'data-value="grapes"' in told


def test_summary_shows_the_paths_that_a_script_sees(sign_in, bob, workspace):
    folder = [make_upload(workspace, bob, path, onnx_bytes()).pk for path in ("export/model.onnx", "export/a/b.txt")]
    told = summary(sign_in(bob), uploads=folder)
    assert "<div>$AZUREML_MODEL_DIR/model.onnx</div>" in told
    assert "$AZUREML_MODEL_DIR/export/model.onnx" in told
    assert "<div>$AZUREML_MODEL_DIR/a/b.txt</div>" in told
    alone = summary(sign_in(bob), uploads=[make_upload(workspace, bob, "model.onnx", onnx_bytes()).pk])
    assert "<div>$AZUREML_MODEL_DIR/model.onnx</div>" in alone
    assert "the same file" not in alone


def test_unfinished_and_unregistered_uploads_are_offered_again(sign_in, bob, alice, workspace):
    half = uploads.begin(workspace, bob, "big.bin", 3000)
    uploads.append(half, 0, io.BytesIO(b"x" * 1000))
    whole = make_upload(workspace, bob, "model.onnx", onnx_bytes())
    theirs = make_upload(workspace, alice, "secret.onnx", onnx_bytes())
    client = sign_in(bob)
    page = " ".join(text_of(client.get(url("model_register"))).split())
    assert "1.0 kB of 3.0 kB are here. Choose the file again to go on." in page
    assert f'<input type="checkbox" name="uploads" value="{whole.pk}">' in page
    assert str(theirs.pk) not in page
    client.post(url("model_register"), typed(name="late", uploads=whole.pk))
    assert [file.path for file in ModelVersion.objects.get().files.all()] == ["model.onnx"]


def test_summary_hides_uploads_of_other_people(sign_in, bob, alice, workspace):
    theirs = make_upload(workspace, alice, "secret.onnx", onnx_bytes())
    assert "secret" not in summary(sign_in(bob), uploads=theirs.pk, begun=theirs.pk)
