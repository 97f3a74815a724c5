"""Searching: which models and versions a filter finds, and with how many queries."""

import pytest

from registry.models import Model, ModelVersion, Tag
from registry.search.filter_tree import Tag as TagNode
from registry.search.filter_tree import write
from registry.search.search import parse, search_models, search_versions
from registry.versions import labels
from slipway import filters
from studio.core.errors import BadInput


@pytest.fixture
def version(workspace):
    """`version("iris", area="vision")` adds the next version of a model."""

    def make(name, *, description="", framework="onnx", state="ready", owner=workspace, author=None, **tags):
        model, _ = Model.objects.get_or_create(workspace=owner, name=name)
        model.last_number += 1
        model.save()
        row = ModelVersion.objects.create(
            workspace=owner,
            model=model,
            number=model.last_number,
            description=description,
            framework=framework,
            state=state,
            created_by=author,
        )
        Tag.objects.bulk_create(
            Tag(workspace=owner, model=model, version=row, key=key, value=value) for key, value in tags.items()
        )
        return row

    return make


@pytest.fixture
def shelf(version, bob, elsewhere):
    """Five versions of four models, and one of another workspace."""
    version("iris", description="Three kinds of iris", area="tabular", stage="prod")
    version("digits", description="Hand written digits", area="vision", stage="draft", framework="custom")
    version("digits", description="Handwritten 50% smaller", area="vision", stage="prod", author=bob)
    version("reviews", description="Sentiment; ÄRGER", area="text", framework="scikit-learn", state="rejected")
    version("bare", description="No tags at all", framework="pytorch", state="uploaded")
    version("secret", area="vision", owner=elsewhere)


FINDS = [
    ("", {"iris:1", "digits:1", "digits:2", "reviews:1", "bare:1"}),
    ("area=vision", {"digits:1", "digits:2"}),
    ("area : vision", {"digits:1", "digits:2"}),
    ("area=Vision", set()),
    ("area=vis*", {"digits:1", "digits:2"}),
    ("area=Vis*", set()),
    ("name=di*", {"digits:1", "digits:2"}),
    ("created_by=b*", {"digits:2"}),
    ("area=vision,framework=onnx", {"digits:2"}),
    ("area=vision OR area=text", {"digits:1", "digits:2", "reviews:1"}),
    ("area=vision OR state=uploaded", {"digits:1", "digits:2", "bare:1"}),
    ("area=vision,stage=prod OR area=text", {"digits:2", "reviews:1"}),
    ("(area=vision OR area=tabular),stage=prod", {"digits:2", "iris:1"}),
    ("stage!=draft", {"iris:1", "digits:2", "reviews:1", "bare:1"}),
    ("NOT (area=vision OR area=text)", {"iris:1", "bare:1"}),
    ("NOT (area=vision, stage=prod)", {"iris:1", "digits:1", "reviews:1", "bare:1"}),
    ("stage=*", {"iris:1", "digits:1", "digits:2"}),
    ("stage!=*", {"reviews:1", "bare:1"}),
    ("area=t*", {"iris:1", "reviews:1"}),
    ("IRIS", {"iris:1"}),
    ("hand", {"digits:1", "digits:2"}),
    ('"hand written"', {"digits:1"}),
    ("50%", {"digits:2"}),
    ("%", {"digits:2"}),
    ("_", set()),
    ("ärger OR ÄRGER", {"reviews:1"}),
    ("name=digits", {"digits:1", "digits:2"}),
    ("name=dig*", {"digits:1", "digits:2"}),
    ("name!=digits", {"iris:1", "reviews:1", "bare:1"}),
    ("digits:2", {"digits:2"}),
    ("digits:latest", {"digits:2"}),
    ("is:latest", {"iris:1", "digits:2", "reviews:1", "bare:1"}),
    ("version=2", {"digits:2"}),
    ("framework=ONNX", {"iris:1", "digits:2"}),
    ("framework=ScikitLearn", {"reviews:1"}),
    ("framework=abacus", set()),
    ("framework!=onnx", {"digits:1", "reviews:1", "bare:1"}),
    ("state=rejected", {"reviews:1"}),
    ("created_by=bob", {"digits:2"}),
    ("created_by!=bob", {"iris:1", "digits:1", "reviews:1", "bare:1"}),
    ("is:deployed", set()),
    ("NOT is:deployed", {"iris:1", "digits:1", "digits:2", "reviews:1", "bare:1"}),
]


@pytest.mark.parametrize(("text", "found"), FINDS)
def test_filter_finds_the_expected_versions(workspace, shelf, text, found):
    assert {str(version) for version in search_versions(workspace, text)} == found


@pytest.mark.parametrize(("text", "found"), FINDS)
def test_model_is_found_by_any_version_and_shows_the_newest_match(workspace, shelf, text, found):
    newest = {}
    for identity in sorted(found):
        newest[identity.split(":")[0]] = identity
    assert {model.name: str(model.found[0]) for model in search_models(workspace, text)} == newest


def test_a_model_without_versions_is_not_found(workspace):
    Model.objects.create(workspace=workspace, name="empty", last_number=3)
    assert not search_models(workspace)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", ["bare", "digits", "iris", "reviews"]),
        ("-name", ["reviews", "iris", "digits", "bare"]),
        ("-updated", ["bare", "reviews", "digits", "iris"]),
        ("-created", ["bare", "reviews", "digits", "iris"]),
        ("created", ["iris", "digits", "reviews", "bare"]),
    ],
)
def test_models_are_sorted(workspace, shelf, sort, names):
    assert [model.name for model in search_models(workspace, "", sort)] == names


def test_unknown_sort_order_is_rejected(workspace):
    with pytest.raises(BadInput, match="sorted by 'size'"):
        search_models(workspace, "", "size")


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_queries_does_not_grow_with_the_list(workspace, version, bob, count, django_assert_num_queries):
    for number in range(count):
        version(f"model-{number}", area="vision", author=bob)
    with django_assert_num_queries(3):  # models, their newest versions, tags
        for model in search_models(workspace, "area=vision"):
            assert [str(tag) for tag in model.found[0].tags.all()] == ["area=vision"]
            assert model.found[0].created_by.username == "bob"


def test_filter_is_formatted_in_its_shortest_form():
    assert str(parse("  area : vision   AND (framework=onnx)")) == "area=vision,framework=onnx"


HARD = ["a,b", "x OR other", 'say "hi"', "(v2)", "", "two words", "a*", "*", "O'Brien", "1:2", "a=b", "=", "\\", '\\"', "北京 ü", "a\u2028b", "!=x", "NOT x"]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("value", HARD)
def test_every_tag_value_can_be_matched_exactly(workspace, version, value):
    version("wanted", key=value)
    for name, other in {"shorter": value[:1] + "~", "longer": f"{value}~", "word": "a", "none": "x"}.items():
        version(name, key=other)
    for text in (write(TagNode("key", value)), filters.tag("key", value)):
        assert [model.name for model in search_models(workspace, text)] == ["wanted"]


def test_tag_is_found_by_its_registered_text(workspace, version):
    version("wanted", **labels.read_tags([" key = e\u0301 "]))
    assert [model.name for model in search_models(workspace, filters.tag(" key ", " e\u0301 "))] == ["wanted"]
