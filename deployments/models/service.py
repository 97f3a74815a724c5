"""A service is a stable name, address and keys; a revision is a frozen recipe behind it."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from deployments.models.config import InferenceConfig
from deployments.models.target import Target
from registry.models import ModelVersion
from studio.accounts.models import Workspace, slug_rule
from studio.accounts.ownership import OwnedQuerySet
from studio.core.encryption import EncryptedTextField
from studio.core.secrets import digest_of, new_secret


class Desired(models.TextChoices):
    """What people want of a service."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class Phase(models.TextChoices):
    """What people see: computed by deployments.control, cached here for lists."""

    TRANSITIONING = "Transitioning"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    UNSCHEDULABLE = "Unschedulable"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def tone(self) -> str:
        return {
            "Transitioning": "busy",
            "Healthy": "ok",
            "Unhealthy": "warn",
            "Unschedulable": "warn",
            "Failed": "bad",
            "Stopped": "idle",
        }[self.value]


class Service(models.Model):
    """What people want (`desired`, `wanted_revision`, `generation`), and what they see (`phase`, `cause`), which the
    service-level step (deployments.control.advance) computes over its instances.

    Every change a person makes adds 1 to `generation`. `due_at` is when the service-level step should run next by
    itself; None while nothing is under way.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="services")
    name = models.CharField(max_length=63, validators=[slug_rule])
    description = models.TextField(blank=True)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="services")
    development = models.BooleanField(default=False)  # runs files of a folder, of which nothing is registered
    desired = models.CharField(max_length=16, choices=Desired.choices, default=Desired.RUNNING)
    generation = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)  # when what should run last changed
    last_revision = models.PositiveIntegerField(default=0)  # the number that was given last
    wanted_revision = models.PositiveIntegerField(default=0)  # the number of the revision that people want
    default_revision = models.PositiveIntegerField(default=0)  # gets what no other one does of the traffic; 0: none yet
    previous_revision = models.PositiveIntegerField(default=0)  # was the default before the present one; 0: unknown
    sticky = models.JSONField(default=dict)  # {"header": name} or {"cookie": name}, whose value decides the revision
    scaling = models.JSONField(default=dict, blank=True)  # figures of deployments.config.scaling above the revisions'
    front_key = EncryptedTextField(blank=True, default=new_secret)  # by which the front is known to replicas
    phase = models.CharField(max_length=16, choices=Phase.choices, default=Phase.TRANSITIONING, db_index=True)
    cause = models.JSONField(null=True, blank=True)  # SlipwayError.as_dict() of what keeps it from Healthy
    observed_generation = models.PositiveIntegerField(default=0)  # that the service-level step last worked on
    port = models.PositiveIntegerField(null=True, blank=True)  # where its target needs ports: stays for life
    grpc_port = models.PositiveIntegerField(null=True, blank=True)  # given by the first revision that wants gRPC, stays
    front_port = models.PositiveIntegerField(null=True, blank=True)  # where the front passes gRPC on; stays
    telemetry_digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the token its windows come with
    telemetry_token = EncryptedTextField(blank=True, default="")
    token_secret = EncryptedTextField(blank=True, default="")  # signs access tokens; given when they are first wanted
    due_at = models.DateTimeField(default=timezone.now, null=True, blank=True, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="service_name_once"),
            models.UniqueConstraint(fields=["port"], name="service_port_once"),
            models.UniqueConstraint(fields=["grpc_port"], name="service_grpc_port_once"),
            models.UniqueConstraint(fields=["front_port"], name="service_front_port_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def phase_tone(self) -> str:
        return Phase(self.phase).tone

    @property
    def tone(self) -> str:
        """The tone of its shown state."""
        return Phase(self.phase).tone


class Revision(models.Model):
    """A frozen recipe: model versions + inference config + deployment config. Never changed.

    Hashes are those of deployments.recipe.recipe.

    `deployment_config` is {"cpu": cores, "memory_gb": GB, "processes": n or null,
    "auth": bool, "token_auth": bool, "grpc": bool, "environment_variables": {}, "start_deadline_seconds": n,
    "max_body_mb": n}.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=63, blank=True)  # a name for requests to ask for it by; Azure's version name
    config = models.ForeignKey(InferenceConfig, on_delete=models.PROTECT, related_name="revisions")
    deployment_config = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, db_index=True)  # models, config, environment: what is built
    revision_hash = models.CharField(max_length=64)  # content and options: equal when nothing has changed
    reason = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["service", "number"], name="revision_number_once"),
            models.UniqueConstraint(
                fields=["service", "label"], condition=~models.Q(label=""), name="revision_label_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service.name} r{self.number}"


class RevisionModel(models.Model):
    """Which versions a revision serves. PROTECT is the last guard of 'delete is refused while in use'."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="models")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "version"], name="version_once_a_revision")]

    def __str__(self) -> str:
        return f"{self.version} in {self.revision}"


class Traffic(models.Model):
    """A revision that is wanted to run, and what it gets of its service's requests.

    Without a row a revision drains and stops; with 0 % it runs and answers requests that ask for it. `percent` of all
    rows of a service sum to 100. `mirror_percent`: it also gets copies of that share of the others' requests. `slots`:
    what deployments.traffic.split gave it. Written by deployments.traffic.shares alone.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="traffic")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="traffic")
    percent = models.FloatField()  # in steps of 0.01
    mirror_percent = models.FloatField(default=0)
    slots = models.JSONField(default=list)
    since = models.DateTimeField(default=timezone.now)  # when its share last changed

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "revision"], name="one_share_a_revision")]

    def __str__(self) -> str:
        return f"{self.percent:g} % to {self.revision}"


class HostName(models.Model):
    """A host name under which the front answers for a service: one holder, whoever asks first."""

    name = models.CharField(max_length=253, primary_key=True)  # lower case
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="hosts")

    def __str__(self) -> str:
        return self.name


class Key(models.Model):
    """A service's primary or secondary key: encrypted here, only its digest goes to the scoring server."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="keys")
    slot = models.CharField(max_length=16, choices=[("primary", "primary"), ("secondary", "secondary")])
    value = EncryptedTextField()
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "slot"], name="one_key_a_slot")]

    def __str__(self) -> str:
        return f"{self.slot} key of {self.service}"

    @property
    def digest(self) -> str:
        """What scoring servers and the front know of it: its SHA-256, hex."""
        return digest_of(self.value)
