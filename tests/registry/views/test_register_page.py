"""The form that registers a version, without JavaScript."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry.models import ModelVersion, Upload
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
        ({"name": ""}, "This field is required"),
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
