"""Pages of whole definitions: edited as YAML, cloned, compared with the version before; the list's filters."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry.environments import environments
from registry.models import Environment
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db
HERE = "/w/vision/environments/"


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


@pytest.fixture
def box(workspace, bob):
    return environments.define(
        workspace=workspace,
        actor=bob,
        name="box",
        python_version="3.11",
        requirements=["demo>=1", "old"],
        description="With GDAL",
        variables={"TOKEN": "secret"},
        base_image="python:3.11-slim",
        docker_steps=["RUN a \\\n  && b"],
        conda={"dependencies": ["libgdal=3.9"]},
    )


def test_page_shows_base_steps_conda_and_variables(bob, sign_in, box):
    text = page(sign_in(bob), f"{HERE}box/1/")
    for shown in ("With GDAL", "python:3.11-slim", "RUN a", "libgdal=3.9", "TOKEN", "secret", "box/1/delete/"):
        assert shown in text


def test_viewer_sees_no_values_of_variables_and_no_buttons(carol, sign_in, box):
    text = page(sign_in(carol), f"{HERE}box/1/")
    assert "TOKEN" in text
    assert "secret" not in text
    assert "environments/edit/" not in text
    assert page(sign_in(carol), f"{HERE}edit/?from=box:1", status=403)


def test_definition_is_edited_as_yaml_into_the_next_version(bob, sign_in, box):
    client = sign_in(bob)
    form = client.get(f"{HERE}edit/?from=box:1").context["form"]
    text = form["definition"].value().replace("- old", "- new==2")
    answer = client.post(f"{HERE}edit/?from=box:1", {"name": form["name"].value(), "definition": text})
    assert (answer.status_code, answer.url) == (302, f"{HERE}box/2/")
    made = Environment.objects.get(name="box", number=2)
    assert made.requirements == ["demo>=1", "new==2"]
    kept = ("variables", "base_image", "docker_steps", "conda", "description", "python_version")
    assert [getattr(made, name) for name in kept] == [getattr(box, name) for name in kept]


def test_mistake_is_told_with_its_line_and_the_text_is_kept(bob, sign_in):
    text = "python: '3.11'\nrequirements:\n  - numpy\n  - --index-url https://evil\n"
    answer = sign_in(bob).post(f"{HERE}edit/", {"name": "box", "definition": text})
    assert answer.status_code == 422
    assert (
        answer.context["form"].errors["definition"][0].startswith("Line 4: The package index is chosen by the studio")
    )
    assert "--index-url https://evil" in answer.content.decode()
    assert not Environment.objects.filter(name="box").exists()


def test_curated_environment_is_cloned_under_a_name_of_its_own(bob, sign_in):
    client = sign_in(bob)
    page(client, HERE)
    assert "edit/?from=slipway-sklearn%3A1&amp;name=" in page(client, f"{HERE}slipway-sklearn/1/")
    form = client.get(f"{HERE}edit/?from=slipway-sklearn:1&name=").context["form"]
    assert form["name"].value() == ""
    client.post(f"{HERE}edit/?from=slipway-sklearn:1&name=", {"name": "mine", "definition": form["definition"].value()})
    source = environments.find(Environment.objects.get(name="mine").workspace, "slipway-sklearn:1")
    assert Environment.objects.get(name="mine").definition_hash == source.definition_hash


def test_private_wheels_are_added_kept_and_taken_out_on_the_page(bob, sign_in, tmp_path):
    client = sign_in(bob)
    wheel = make_wheel(tmp_path, "mine", "2.0")
    sent = {"name": "box", "definition": "requirements: [demo]\n"}
    client.post(f"{HERE}edit/", sent | {"wheels": [SimpleUploadedFile(wheel.name, wheel.read_bytes())]})
    assert wheel.name in page(client, f"{HERE}box/1/")
    text = client.get(f"{HERE}edit/?from=box:1").context["form"]["definition"].value()
    assert f"- {wheel.name}" in text
    client.post(f"{HERE}edit/?from=box:1", {"name": "box", "definition": text + "description: more\n"})
    client.post(f"{HERE}edit/?from=box:1", {"name": "box", "definition": "wheels: []\nrequirements: [demo]\n"})
    counts = [row.wheels.count() for row in Environment.objects.filter(name="box").order_by("number")]
    assert counts == [1, 1, 0]


def test_wheel_that_the_environment_does_not_have_is_refused_by_line(bob, sign_in):
    text = "requirements: []\nwheels:\n  - other-1.0-py3-none-any.whl\n"
    answer = sign_in(bob).post(f"{HERE}edit/", {"name": "box", "definition": text})
    assert answer.context["form"].errors["definition"][0].startswith("Line 3: There is no private wheel other-1.0")


def test_changes_show_what_differs_from_the_version_before(workspace, bob, sign_in, box):
    environments.define(
        workspace=workspace, actor=bob, name="box", python_version="3.11", requirements=["demo>=1", "new"],
        variables={"TOKEN": "other"}, docker_steps=["RUN c"],
    )  # fmt: skip
    Environment.objects.filter(number=1).update(lock="numpy==1.0 \\\n    --hash=sha256:0\ngone==1 \\\n")
    Environment.objects.filter(number=2).update(lock="numpy==2.0 \\\n    --hash=sha256:1\ncame==3 \\\n")
    client = sign_in(bob)
    shown = client.get(f"{HERE}box/2/?tab=changes").context["differences"]
    assert [(one.what, one.word, one.before, one.after) for one in shown] == [
        ("Base image", "removed", "python:3.11-slim", ""),
        ("Description", "removed", "With GDAL", ""),
        ("Docker steps", "changed", "RUN a \\\n  && b", "RUN c"),
        ("Packages of conda", "removed", "libgdal=3.9", ""),
        ("Variable TOKEN", "changed", "set", "set"),
        ("Requirement", "removed", "old", ""),
        ("Requirement", "added", "", "new"),
        ("Package came", "added", "", "3"),
        ("Package gone", "removed", "1", ""),
        ("Package numpy", "changed", "1.0", "2.0"),
    ]
    assert "first version" in page(client, f"{HERE}box/1/?tab=changes")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("q=BO", {"box", "slipway-boosting"}),
        ("kind=own", {"box"}),
        ("kind=curated&q=onnx", {"slipway-onnx"}),
        ("q=nothing", set()),
    ],
)
def test_list_is_filtered_by_name_and_kind(bob, sign_in, box, asked, names):
    client = sign_in(bob)
    assert {row.name for row in client.get(f"{HERE}?{asked}").context["page"]} == names
    assert "<html" not in client.get(f"{HERE}?{asked}", headers={"HX-Request": "true"}).content.decode()
