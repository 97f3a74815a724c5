"""The start page and the global search: results, their order, and isolation of workspaces."""

import pytest

from deployments.models import Build, InferenceConfig, Phase, Revision, Service, Target
from registry.models import Model, ModelVersion, Tag


def deployed(workspace, name, phase=Phase.HEALTHY, **facts):
    target, _ = Target.objects.get_or_create(workspace=workspace, name="local")
    return Service.objects.create(workspace=workspace, name=name, target=target, phase=phase, **facts)


def registered(workspace, name, number=1, **tags):
    model, _ = Model.objects.get_or_create(workspace=workspace, name=name)
    version = ModelVersion.objects.create(workspace=workspace, model=model, number=number, state="ready")
    for key, value in tags.items():
        Tag.objects.create(workspace=workspace, model=model, version=version, key=key, value=value)
    return version


@pytest.fixture
def browse(sign_in, alice):
    client = sign_in(alice)
    return lambda path: client.get(f"/w/vision/{path}")


def test_home_sends_people_to_the_workspace_they_used_last(sign_in, admin_user, workspace, elsewhere):
    client = sign_in(admin_user)
    assert client.get("/").url == "/w/elsewhere/"
    client.get("/w/vision/")
    assert client.get("/").url == "/w/vision/"


def test_user_without_a_workspace_is_told_the_next_step(sign_in, django_user_model):
    answer = sign_in(django_user_model.objects.create_user("newcomer")).get("/")
    assert answer.status_code == 404
    assert "Ask an administrator" in answer.text


def test_failing_services_are_listed_worst_first(browse, workspace):
    deployed(workspace, "slow", Phase.UNHEALTHY)
    deployed(workspace, "broken", Phase.FAILED)
    deployed(workspace, "fine")
    deployed(workspace, "asleep", Phase.STOPPED)
    assert [service.name for service in browse("").context["troubled"]] == ["broken", "slow"]


def test_every_state_is_counted_even_when_zero(browse, workspace):
    deployed(workspace, "fine")
    counts = {phase["name"]: phase["count"] for phase in browse("").context["phases"]}
    assert counts == {phase.value: int(phase == Phase.HEALTHY) for phase in Phase}


def test_running_builds_are_shown_until_they_end(browse, workspace):
    config = InferenceConfig.objects.create(workspace=workspace, name="no-code", number=1, kind="no_code")
    service = deployed(workspace, "iris", Phase.TRANSITIONING)
    revision = Revision.objects.create(service=service, number=2, config=config, revision_hash="x")
    build = Build.objects.create(revision=revision, state="running", step="environment")
    assert [work.title for work in browse("").context["work"]] == ["Building iris, revision 2"]
    Build.objects.filter(pk=build.pk).update(state="succeeded")
    assert browse("").context["work"] == []


def test_htmx_request_gets_only_the_live_part(sign_in, alice, workspace):
    deployed(workspace, "fine")
    answer = sign_in(alice).get("/w/vision/", headers={"HX-Request": "true"})
    assert 'id="health"' in answer.text
    assert "<html" not in answer.text


def test_number_of_queries_does_not_grow_with_the_services(
    browse, workspace, django_assert_max_num_queries, django_assert_num_queries
):
    for number in range(2):
        deployed(workspace, f"service-{number}", Phase.FAILED)
        registered(workspace, f"model-{number}", area="vision")
    browse("")  # the first visit remembers the workspace
    with django_assert_max_num_queries(20) as few:
        browse("")
    for number in range(2, 10):
        deployed(workspace, f"service-{number}", Phase.FAILED)
        registered(workspace, f"model-{number}", area="vision")
    with django_assert_num_queries(len(few)):
        browse("")


def test_search_by_name_finds_models_versions_and_services(browse, workspace):
    registered(workspace, "iris")
    deployed(workspace, "iris-eu")
    found = browse("search/?q=iris").context
    assert [model.name for model in found["models"]] == ["iris"]
    assert [str(version) for version in found["versions"]] == ["iris:1"]
    assert [service.name for service in found["services"]] == ["iris-eu"]


def test_search_by_name_and_number_finds_one_version(browse, workspace):
    registered(workspace, "iris", 1)
    registered(workspace, "iris", 2)
    assert [str(version) for version in browse("search/?q=iris:2").context["versions"]] == ["iris:2"]


def test_search_by_tag_finds_versions(browse, workspace):
    registered(workspace, "iris", area="tabular")
    registered(workspace, "digits", area="vision")
    assert [str(version) for version in browse("search/?q=area=vision").context["versions"]] == ["digits:1"]


def test_search_finds_nothing_of_other_workspaces(browse, elsewhere):
    registered(elsewhere, "iris")
    deployed(elsewhere, "iris")
    assert "Nothing found" in browse("search/?q=iris").text


def test_invalid_filter_is_explained(browse):
    answer = browse("search/?q=area=(")
    assert answer.status_code == 200
    assert answer.context["error"].hint


def test_pattern_page_is_found_by_superusers_only(sign_in, alice, admin_user):
    assert sign_in(alice).get("/patterns/").status_code == 404
    assert sign_in(admin_user).get("/patterns/").status_code == 200
