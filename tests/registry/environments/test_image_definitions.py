"""What environments say beyond packages: variables, and the base and steps of images."""

import io

import pytest

from registry.environments import environments
from studio.core.errors import BadInput

pytestmark = pytest.mark.django_db
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def make(workspace, bob):
    def define(*requirements, **further):
        facts = {"name": "demo", "python_version": "3.11", "requirements": requirements} | further
        return environments.define(workspace=workspace, actor=bob, **facts)

    return define


def test_base_steps_and_conda_decide_the_hash_and_variables_and_description_do_not(make):
    plain = make("demo")
    assert make("demo", description="For tests", variables={"A": "1"}).definition_hash == plain.definition_hash
    others = [
        make("demo", base_image="python:3.11-slim"),
        make("demo", dockerfile="FROM python:3.11\n"),
        make("demo", docker_steps=["RUN a"]),
        make("demo", docker_steps=["RUN a", "RUN b"]),
    ]
    assert len({plain.definition_hash, *(one.definition_hash for one in others)}) == 5


def test_every_part_makes_a_new_version_and_an_equal_definition_none(make):
    given = {"variables": {"A": "1"}, "base_image": " python:3.11-slim ", "docker_steps": "RUN a\nRUN b"}
    first = make("demo", **given)
    assert (first.base_image, first.docker_steps, first.variables) == (
        "python:3.11-slim", ["RUN a", "RUN b"], {"A": "1"},
    )  # fmt: skip
    assert make("demo", **given) == first
    assert make("demo", **given | {"variables": {"A": "2"}}).number == 2
    assert make("demo", **given | {"description": "why"}).number == 3


def test_python_of_a_base_image_need_not_be_on_this_machine(make):
    assert make("demo", python_version="3.6", base_image="python:3.6-slim").python_version == "3.6"
    with pytest.raises(BadInput, match=r"Python 3\.6 is not installed"):
        make("demo", python_version="3.6", docker_steps=["RUN a"])


def test_base_image_and_dockerfile_exclude_each_other(make):
    with pytest.raises(BadInput, match="not both") as reason:
        make(base_image="python", dockerfile="FROM python")
    assert reason.value.field == "dockerfile"


@pytest.mark.parametrize("reference", ["python", "a/b:1", f"reg.example:5000/team/base@{DIGEST}", f"x:1@{DIGEST}"])
def test_reference_of_an_image_is_taken(make, reference):
    assert make(base_image=reference).base_image == reference


@pytest.mark.parametrize(
    "reference", ["Python", "a b", "a:", "a;id", "$(id)", "-x", "http://a/b", "a@sha256:12", "a" * 401, "a\nFROM b"]
)
def test_reference_that_no_engine_pulls_is_refused(make, reference):
    with pytest.raises(BadInput) as reason:
        make(base_image=reference)
    assert (reason.value.code, reason.value.field) == ("bad_image_reference", "base_image")


@pytest.mark.parametrize("name", ["A-B", "1A", "PATH", "SLIPWAY_X", "LD_PRELOAD"])
def test_variable_that_cannot_be_set_is_refused(make, name):
    with pytest.raises(BadInput) as reason:
        make(variables={name: "x"})
    assert reason.value.field == "variables"


def test_conda_package_is_refused_by_an_installation_on_this_machine(make):
    environment = make("demo", conda={"dependencies": ["libgdal=3.9", "openjdk"]})
    with pytest.raises(BadInput) as refused:
        environments.install(environment, io.StringIO())
    assert refused.value.code == "conda_packages"
    assert refused.value.message.startswith("demo:1 asks conda for libgdal, openjdk, which this kind of target cannot")


def test_notes_are_warnings_and_make_no_new_version(make):
    first = make("demo", notes=["a is called b"])
    assert environments.warnings_of(first) == ["a is called b"]
    assert make("demo") == first
