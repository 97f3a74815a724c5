"""Development services: files of a folder that run without being registered, and reload in place."""

import pytest

from deployments.control import advance, reconcile
from deployments.errors import BadDeploymentConfig, ChangedMeanwhile, IsDevelopment, NotDevelopment
from deployments.models import Build, BuiltBundle, InferenceConfig, Instance, Phase, Service
from deployments.recipe.spec import spec_for
from deployments.services import deploy as verbs
from deployments.services import development, lifecycle
from deployments.services.rollback import rollback
from registry.environments import environments
from registry.models import Artifact, Environment, Upload
from studio.activity.models import Event
from studio.core.errors import BadInput
from tests.deployments.service_factories import SCRIPT, actions, deploy_request, end_build, instance_of
from tests.registry.factories import make_upload

pytestmark = pytest.mark.django_db
SERVICES = "/api/v1/workspaces/vision/services"
CHANGED = b"def init(): ...\ndef run(data): return 2\n"


@pytest.fixture
def source(workspace, bob):
    """`source({path: content})` is what a deployment brings along."""

    def make(files, **more):
        return {"files": [str(make_upload(workspace, bob, *file).pk) for file in files.items()], **more}

    return make


@pytest.fixture
def service(workspace, bob, fake, source):
    """Runs score.py and a model that lies beside it."""
    files = {"score.py": SCRIPT, "model.pkl": b"weights"}
    request = deploy_request(workspace, bob, target=fake.target, source=source(files))
    made = verbs.deploy(request).service
    end_build(made)
    return fake.visit(made, 3)


def reload(service, bob, source, files, **more):
    """What a reload with these files leaves of the service, built."""
    development.reload(service, bob, source(files, **more))
    return built(service)


def built(service):
    """The service, with the newest build ended well."""
    service.refresh_from_db()
    end_build(service)
    return service


def files_of(service):
    config = service.revisions.get(number=service.wanted_revision).config
    return {path: artifact.digest for path, artifact in development.files_of(config).items()}


def test_folder_runs_without_anything_that_is_registered(service, workspace):
    assert (service.development, service.phase) == (True, Phase.HEALTHY)
    config = service.revisions.get().config
    assert (config.entry_script, str(config.environment)) == ("score.py", "slipway-runtime:1")
    assert sorted(files_of(service)) == ["model.pkl", "score.py"]
    assert not InferenceConfig.objects.in_workspace(workspace).registered().exists()
    assert not Upload.objects.exists()
    assert not Event.objects.filter(action="config.created").exists()


def test_reload_replaces_what_answers_and_keeps_what_is_not_named(service, bob, fake, source):
    before = files_of(service)
    service = fake.visit(reload(service, bob, source, {"score.py": CHANGED}), 10)
    assert (service.phase, service.default_revision) == (Phase.HEALTHY, 2)
    after = files_of(service)
    assert after["model.pkl"] == before["model.pkl"]
    assert after["score.py"] != before["score.py"]


def test_history_does_not_grow_with_reloads_and_nothing_is_left_of_them(service, bob, fake, source):
    for number in range(5):
        content = f"def init(): ...\ndef run(data): return {number}\n".encode()
        service = fake.visit(reload(service, bob, source, {"score.py": content}), 8)
    assert service.phase == Phase.HEALTHY
    assert list(service.revisions.values_list("number", flat=True)) == [6, 5]
    assert service.instances.count() <= 2
    assert InferenceConfig.objects.filter(draft=True).count() == 2


def test_what_ran_is_recorded(service, bob, fake, source):
    reload(service, bob, source, {"score.py": CHANGED, "labels.txt": b"a"}, removed=["model.pkl"])
    event = Event.objects.get(action="service.reloaded")
    assert event.details["changes"] == ["changed score.py", "added labels.txt", "removed model.pkl"]
    assert event.details["content"] == service.revisions.get(number=2).content_hash
    assert "reloaded" in actions(service)


def test_syntax_error_is_refused_with_its_line_and_changes_nothing(service, bob, fake, source):
    with pytest.raises(BadInput, match=r"score\.py, line 2") as refused:
        development.reload(service, bob, source({"score.py": b"def init(): ...\ndef run(data:\n"}))
    assert refused.value.code == "syntax_error"
    service = fake.visit(service)
    assert (service.phase, service.last_revision) == (Phase.HEALTHY, 1)


def test_script_that_fails_to_start_leaves_the_one_before_it_answering(service, bob, fake, source):
    reload(service, bob, source, {"score.py": CHANGED})
    fake.behave("failing")
    service = fake.visit(service, 3)
    assert (service.default_revision, service.wanted_revision) == (1, 2)
    fake.behave("good")
    reload(service, bob, source, {"score.py": SCRIPT})
    assert fake.visit(service, 6).default_revision == 3


def test_newer_reload_takes_the_place_of_one_under_way(service, bob, fake, source):
    development.reload(service, bob, source({"score.py": CHANGED}))
    service.refresh_from_db()
    development.reload(service, bob, source({"score.py": SCRIPT}))
    assert Build.objects.get(revision__number=2).state == "cancelled"
    assert fake.visit(built(service), 5).default_revision == 3


def test_reload_of_files_that_somebody_else_has_changed_is_refused(service, bob, source):
    with pytest.raises(ChangedMeanwhile):
        development.reload(service, bob, source({"score.py": CHANGED}, base=7))


def test_reload_without_changes_starts_it_again(service, bob, fake):
    development.reload(service, bob, {})
    assert fake.visit(built(service), 5).default_revision == 2


def test_mistaken_reload_can_be_rolled_back(service, bob, fake, source):
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get().content_hash)
    service = fake.visit(reload(service, bob, source, {"score.py": CHANGED}), 10)
    rollback(service, bob, 1)
    assert fake.visit(service, 10).default_revision == 1


def test_deleting_the_service_leaves_nothing(service, bob, fake):
    lifecycle.delete(service, bob)
    for _ in range(5):
        fake.wait(1)
        advance.advance(service.pk)
        for instance in Instance.objects.all():
            reconcile.reconcile(instance.pk)
    assert not Service.objects.exists()
    assert not InferenceConfig.objects.filter(draft=True).exists()


def test_options_of_a_development_service_change_without_its_files(service, workspace, bob, fake):
    request = deploy_request(workspace, bob, overwrite=True, deployment_config={"cpu": 2})
    verbs.deploy(request)
    assert fake.visit(built(service), 10).phase == Phase.HEALTHY
    assert spec_for(instance_of(service)).cpus == 2
    assert sorted(files_of(service)) == ["model.pkl", "score.py"]


def test_registered_things_and_folders_do_not_take_turns(service, workspace, bob, iris, source):
    own = InferenceConfig.objects.create(workspace=workspace, name="own", number=1, kind="no_code")
    with pytest.raises(IsDevelopment):
        verbs.deploy(deploy_request(workspace, bob, iris, config=own, overwrite=True))
    verbs.deploy(deploy_request(workspace, bob, iris, name="plain"))
    with pytest.raises(NotDevelopment):
        verbs.deploy(deploy_request(workspace, bob, name="plain", source=source({"score.py": SCRIPT}), overwrite=True))
    with pytest.raises(NotDevelopment):
        development.reload(Service.objects.get(name="plain"), bob, {})


@pytest.mark.parametrize(
    ("files", "entry"),
    [
        ({"score.py": SCRIPT, "other.py": b""}, "score.py"),
        ({"main.py": SCRIPT, "other.py": b""}, "main.py"),
        ({"predict.py": SCRIPT, "src/other.py": b""}, "predict.py"),
    ],
)
def test_entry_script_is_found_where_it_is_not_named(workspace, bob, source, files, entry):
    assert deploy_request(workspace, bob, source=source(files)).source.facts["entry_script"] == entry


def test_several_scripts_without_a_usual_name_have_to_be_chosen_from(workspace, bob, source):
    with pytest.raises(BadInput, match=r"a\.py, b\.py") as refused:
        deploy_request(workspace, bob, source=source({"a.py": SCRIPT, "b.py": SCRIPT}))
    assert refused.value.field == "entry_script"


class TestRequirements:
    """Packages that the folder asks for, in an environment that is registered nowhere either."""

    def test_environment_of_requirements_is_met_nowhere_and_goes_with_the_service(self, workspace, bob, fake, source):
        brought = source({"score.py": SCRIPT}, requirements=["idna>=3", "azureml-defaults"])
        request = deploy_request(workspace, bob, target=fake.target, source=brought)
        assert "azureml-defaults" in " ".join(request.warnings)
        service = verbs.deploy(request).service
        end_build(service)
        service = fake.visit(service, 3)
        environment = service.revisions.get().config.environment
        assert (environment.draft, environment.requirements) == (True, ["idna>=3", "azureml-defaults"])
        assert not Environment.objects.in_workspace(workspace).registered().filter(name=environment.name).exists()
        development.reload(service, bob, source({"score.py": CHANGED}))
        service = fake.visit(built(service), 10)
        assert service.revisions.get(number=2).config.environment == environment
        development.reload(service, bob, source({}, requirements=["idna>=3.1"]))
        fake.visit(built(service), 10)
        development.reload(service, bob, source({}, environment="slipway-runtime:1"))
        fake.visit(built(service), 10)
        development.reload(service, bob, {})
        fake.visit(built(service), 10)
        assert not Environment.objects.filter(draft=True).exists()

    def test_equal_environment_that_is_registered_is_used(self, workspace, bob, fake, source):
        own = environments.define(
            workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["idna"]
        )
        brought = source({"score.py": SCRIPT}, requirements=["idna"], python_version="3.11")
        service = verbs.deploy(deploy_request(workspace, bob, source=brought)).service
        assert service.revisions.get().config.environment == own

    def test_bad_requirement_is_refused_with_its_line(self, workspace, bob, source):
        with pytest.raises(BadInput, match="Line 2"):
            deploy_request(
                workspace, bob, source=source({"score.py": SCRIPT}, requirements=["idna", "numpy; rm -rf /"])
            )
        with pytest.raises(BadInput, match="twice"):
            deploy_request(
                workspace, bob, source=source({"score.py": SCRIPT}, requirements=[], environment="slipway-runtime")
            )


class TestDebugger:
    def test_port_of_a_debugger_reaches_the_driver_with_time_to_look(self, workspace, bob, source):
        brought = source({"score.py": SCRIPT})
        config = {"debug_port": 5678, "debug_wait": True}
        service = verbs.deploy(deploy_request(workspace, bob, source=brought, deployment_config=config)).service
        end_build(service)
        spec = spec_for(instance_of(service))
        assert (spec.debug_port, spec.debug_wait, spec.processes) == (5678, True, 1)
        assert (spec.scoring_timeout_seconds, spec.start_deadline_seconds) == (3600, 3600)

    @pytest.mark.parametrize(
        ("config", "told"),
        [
            ({"debug_wait": True}, "no port"),
            ({"debug_port": 5678, "processes": 2}, "one process"),
            ({"debug_port": 5678, "replicas": 2}, "one process"),
            ({"debug_port": 80}, "1024"),
        ],
    )
    def test_what_cannot_be_debugged_is_refused(self, workspace, bob, source, config, told):
        with pytest.raises(BadDeploymentConfig, match=told):
            deploy_request(workspace, bob, source=source({"score.py": SCRIPT}), deployment_config=config)

    def test_debuggers_are_for_development_services_on_this_machine(self, workspace, bob, iris, fake, source):
        config = {"debug_port": 5678}
        with pytest.raises(BadDeploymentConfig, match="development services alone"):
            deploy_request(workspace, bob, iris, deployment_config=config)
        brought = source({"score.py": SCRIPT})
        with pytest.raises(BadDeploymentConfig, match="what runs on fake"):
            deploy_request(workspace, bob, source=brought, deployment_config=config, target=fake.target)


class TestRest:
    def test_folder_is_deployed_shown_and_reloaded(self, api, workspace, bob, fake, source):
        body = {"name": "try", "models": [], "target": "fake", "source": source({"score.py": SCRIPT})}
        made = api(bob).post(SERVICES, body, format="json")
        assert made.status_code == 201, made.content
        assert (made.json()["development"], made.json()["config"]) == (True, None)
        shown = api(bob).get(f"{SERVICES}/try/source").json()
        digest = Artifact.objects.get().digest
        assert (shown["revision"], shown["entry_script"]) == (1, "score.py")
        assert [(file["path"], file["sha256"]) for file in shown["files"]] == [("score.py", digest)]
        answer = api(bob).post(f"{SERVICES}/try/reload", source({"score.py": CHANGED}, base=1), format="json")
        assert (answer.status_code, answer.json()["deployed_revision"]) == (200, 2)
        rows = api(bob).get(f"{SERVICES}/try/revisions").json()["results"]
        assert [row["config"] for row in rows] == [None, None]

    def test_source_of_other_services_is_none(self, api, workspace, bob, iris, fake):
        verbs.deploy(deploy_request(workspace, bob, iris, target=fake.target))
        answer = api(bob).get(f"{SERVICES}/iris/source")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "not_development")

    def test_viewer_may_not_reload(self, api, carol, service):
        assert api(carol).get(f"{SERVICES}/iris/source").status_code == 200
        assert api(carol).post(f"{SERVICES}/iris/reload", {}, format="json").status_code == 403
