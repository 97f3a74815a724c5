"""Services for tests: a target that misbehaves on order, and a clock that can be turned."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from deployments.config import configs
from deployments.control import advance, reconcile
from deployments.models import Build, InferenceConfig, Instance, Service, Target
from deployments.services import deploy as verbs
from deployments.services.deploy_request import DeployRequest, resolve
from deployments.targets.observation import Observation
from registry.environments import environments
from studio.core.job_runner import run_job
from tests.targets.fake.driver import World, register_fake

SCRIPT = b"def init(): ...\ndef run(data): ...\n"
SCRIPT_OF_DEMO = b"import demo\n\ndef init(): ...\n\ndef run(data): return data\n"


@dataclass
class FakeTarget:
    target: Target
    world: World
    ahead: timedelta = field(default_factory=timedelta)

    def behave(self, behaviour: str) -> None:
        self.target.put_settings({"behaviour": behaviour}, secret=())
        self.target.save()

    def now(self) -> datetime:
        return datetime.now(tz=timezone.get_current_timezone()) + self.ahead

    def wait(self, seconds: float) -> None:
        """Turn the clock ahead for the loop and the driver alike."""
        self.ahead += timedelta(seconds=seconds)

    def visit(self, service: Service, times: int = 1, *, every: float = 1.0) -> Service:
        """Let the loop visit the service and its instances, `every` seconds."""
        for _ in range(times):
            self.wait(every)
            advance.advance(service.pk)
            for instance in Instance.objects.filter(service_id=service.pk).order_by("pk"):
                reconcile.reconcile(instance.pk)
        service.refresh_from_db()
        return service


def make_fake_target(workspace, monkeypatch) -> FakeTarget:
    target = Target.objects.create(workspace=workspace, name="fake", kind="fake", settings={"behaviour": "good"})
    made = FakeTarget(target, World())
    made.world.clock = lambda: made.now().timestamp()
    register_fake(made.world)
    monkeypatch.setattr("django.utils.timezone.now", made.now)
    return made


def deploy_request(workspace, actor, *versions, name: str = "iris", config=None, target=None, **more) -> DeployRequest:
    """What a person asks for who names these objects."""
    return resolve(
        workspace=workspace,
        actor=actor,
        name=name,
        models=[str(version) for version in versions],
        config=config and str(config),
        target=target and str(target),
        **more,
    )


def deploy(workspace, actor, *versions, name: str = "iris", built: bool = True, **more) -> Service:
    """A deployed service; `built` ends its build as a success without doing it."""
    service = verbs.deploy(deploy_request(workspace, actor, *versions, name=name, **more)).service
    if built:
        end_build(service)
    return service


def make_config(
    workspace, actor, *requirements: str, files: dict[str, bytes] | None = None, variables: dict[str, str] | None = None
) -> InferenceConfig:
    """The next version of the config `own`: a script with an environment of its own."""
    environment = environments.define(
        workspace=workspace, actor=actor, name="own", python_version="3.11", requirements=list(requirements)
    )
    return configs.create(
        workspace=workspace,
        actor=actor,
        name="own",
        kind="entry_script",
        entry_script="score.py",
        files=files or {"score.py": SCRIPT},
        environment=environment,
        environment_variables=variables,
    )


def end_build(service: Service) -> None:
    """What the build does when it ends well."""
    revision = service.revisions.get(number=service.last_revision)
    now = timezone.now()
    revision.builds.update(state="succeeded", step="bundle", progress=1, started_at=now, finished_at=now)
    advance.advance(service.pk)
    service.refresh_from_db()


def build_of(service: Service) -> Build:
    """The newest build of the service's newest revision."""
    return service.revisions.get(number=service.last_revision).builds.latest("id")


def run_build(service: Service) -> Build:
    """Do what the build's task does, and read how it ended."""
    build = build_of(service)
    run_job("build", build.pk)
    advance.advance(service.pk)
    build.refresh_from_db()
    return build


def instance_of(service: Service, revision: int | None = None) -> Instance:
    """Of the wanted revision, or of that of another number."""
    return service.instances.select_related("service__workspace", "revision__config__environment").get(
        revision__number=revision or service.wanted_revision
    )


def observation_of(service: Service, revision: int | None = None) -> Observation:
    """What the loop noted last of that instance."""
    return Observation.from_dict(instance_of(service, revision).observed)


def cause_code(service: Service) -> str | None:
    """Which cause the service shows, if any."""
    return service.cause and service.cause["code"]


def actions(service: Service) -> list[str]:
    """What the audit trail tells of a service, oldest first."""
    from studio.activity.models import Event

    events = Event.objects.filter(subject_type="service", subject_id=str(service.pk)).order_by("id")
    return [event.action.removeprefix("service.") for event in events]
