"""The pages of conversions, and their REST addresses."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry.models import Conversion, ModelVersion
from tests.registry.factories import make_conversion, make_version

pytestmark = pytest.mark.django_db
REST = "/api/v1/workspaces/vision"


@pytest.fixture
def wine(workspace, bob):
    return make_version(
        workspace, "wine", user=bob, framework="scikit-learn", files={"model.joblib": b"x"}, framework_version="1.9.1"
    )


@pytest.fixture
def page(sign_in, bob):
    client = sign_in(bob)
    return lambda address, **data: client.post(address, data) if data else client.get(address)


def test_version_leads_to_the_form_and_the_form_to_a_job(wine, page):
    assert "/w/vision/models/wine/1/convert/" in page("/w/vision/models/wine/1/").text
    rows = SimpleUploadedFile("rows.csv", b"a,class\n1,0\n")
    answer = page("/w/vision/models/wine/1/convert/", rows=rows, label="class", variants=["onnx"], tolerance="0.01")
    job = Conversion.objects.get()
    assert answer.headers["Location"] == f"/w/vision/conversions/{job.pk}/"
    assert (job.wanted, job.label, job.tolerance, job.rows_form) == (["onnx"], "class", 0.01, "csv")
    shown = page(f"/w/vision/conversions/{job.pk}/")
    assert "every 2s" in shown.text
    assert "Cancel" in shown.text


def test_what_cannot_be_asked_for_is_said_on_the_form(wine, page):
    answer = page("/w/vision/models/wine/1/convert/", label="class", variants=["onnx"])
    assert (answer.status_code, "needs rows" in answer.text) == (400, True)
    assert page("/w/vision/models/wine/1/convert/", variants=["other"]).status_code == 422
    assert not Conversion.objects.exists()


def test_page_of_a_measured_conversion_has_verdict_table_and_button(wine, page, bob):
    job = make_conversion(wine, bob)
    shown = page(f"/w/vision/conversions/{job.pk}/").text
    for text in (
        "8.5 times as fast",
        "3.0 × 10⁻⁷",
        "Register as wine:2",
        "41 of 400 rows are decided otherwise",
        "4.8 ms",
    ):
        assert text in shown
    assert "every 2s" not in shown


def test_winner_is_registered_once_and_both_pages_show_the_lineage(wine, page, bob):
    job = make_conversion(wine, bob)
    address = f"/w/vision/conversions/{job.pk}/register/"
    first, second = page(address, variant="onnx"), page(address, variant="onnx")
    assert first.headers["Location"] == second.headers["Location"] == "/w/vision/models/wine/2/"
    assert ModelVersion.objects.filter(name="wine").count() == 2
    assert "Derived from" in page("/w/vision/models/wine/2/").text
    assert "Became" in page("/w/vision/models/wine/1/").text


def test_refused_variants_never_become_versions(wine, page, bob):
    job = make_conversion(wine, bob)
    answer = page(f"/w/vision/conversions/{job.pk}/register/", variant="float16")
    assert (answer.status_code, "41 of 400 rows" in answer.text) == (409, True)
    assert ModelVersion.objects.count() == 1


def test_lineage_outlives_the_source(wine, page, bob):
    job = make_conversion(wine, bob)
    page(f"/w/vision/conversions/{job.pk}/register/", variant="onnx")
    wine.delete()
    assert "wine:1 (deleted)" in page("/w/vision/models/wine/2/").text


def test_cancelled_conversion_is_final(wine, page, workspace, bob):
    job = make_conversion(wine, bob, state="queued")
    page(f"/w/vision/conversions/{job.pk}/cancel/", any="1")
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_csv_has_a_row_for_each_variant(wine, page, bob):
    job = make_conversion(wine, bob)
    lines = page(f"/w/vision/conversions/{job.pk}/csv/").text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["variant", "original", "onnx", "float16"]


def test_rest_asks_shows_cancels_and_registers(wine, rest, bob):
    asked = {"model": "wine:1", "rows": [{"a": 1}], "variants": ["onnx"], "register": True}
    made = rest.post(f"{REST}/conversions", json.dumps(asked), content_type="application/json")
    assert (made.status_code, made.json()["goal"], made.json()["state"]) == (202, "convert", "queued")
    number = made.json()["id"]
    assert rest.post(f"{REST}/conversions/{number}/cancel").json()["state"] == "cancelled"
    done = make_conversion(wine, bob)
    shown = rest.get(f"{REST}/conversions/{done.pk}").json()
    assert (shown["recommended"], shown["new_version"]) == ("onnx", None)
    version = rest.post(f"{REST}/conversions/{done.pk}/variants/onnx/register")
    assert (version.status_code, version.json()["derivation"]["from"]) == (201, "wine:1")
    assert rest.get(f"{REST}/conversions/{done.pk}").json()["new_version"] == "wine:2"
    assert [row["id"] for row in rest.get(f"{REST}/conversions").json()["results"]] == [done.pk, number]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "wine:1", "goal": "optimise"}, 400, "bad_input"),
        ({"model": "wine:1", "variants": ["tiny"]}, 400, "bad_input"),
        ({"model": "wine:1", "tolerance": 0}, 400, "bad_input"),
        ({"model": "wine:1", "label": "class"}, 400, "bad_input"),
        ({"model": "wine:9"}, 404, "not_found"),
        ({"model": "keras:1"}, 400, "not_converted"),
        ({"model": "evil:1"}, 409, "refused_by_scan"),
        ({"model": "iris:1", "goal": "convert"}, 400, "already_onnx"),
        ({"model": "late:1"}, 409, "conflict"),
    ],
)
def test_what_is_not_converted_is_refused_at_once(wine, iris, rest, workspace, bob, asked, status, code):
    make_version(workspace, "keras", user=bob, framework="keras", files={"m.keras": b"x"})
    facts = {"main_file": "m.pkl", "globals": ["posix.system"]}
    make_version(workspace, "evil", user=bob, framework="scikit-learn", files={"m.pkl": b"x"}, facts=facts)
    make_version(workspace, "late", user=bob, framework="scikit-learn", files={"m.pkl": b"x"}, state="uploaded")
    answer = rest.post(f"{REST}/conversions", json.dumps(asked), content_type="application/json")
    assert answer.status_code == status, answer.text
    assert code in answer.text
    assert not Conversion.objects.exists()
