"""Shapes of `/services`."""

from rest_framework import serializers

from deployments.api.deployment_config import DeploymentConfigField
from deployments.api.parameters import LARGEST
from deployments.models import Desired, Phase
from registry.api.serializers import FileSerializer
from studio.core.strict_fields import StrictSerializer


class CauseSerializer(serializers.Serializer):
    """What keeps the service from Healthy. `turn` says who can do something about it: user or us."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    turn = serializers.CharField()
    retryable = serializers.BooleanField()
    evidence = serializers.CharField()

    def to_representation(self, instance: dict) -> dict:
        """Causes kept by older versions may lack a key."""
        return super().to_representation(dict.fromkeys(self.fields, "") | {"retryable": False} | instance)


class UpdateSerializer(serializers.Serializer):
    """An update whose revision does not answer yet, while the one before it goes on."""

    revision = serializers.IntegerField()
    state = serializers.CharField(help_text="Transitioning or Failed")
    error = CauseSerializer(allow_null=True)


class StepSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.CharField(help_text="ok, busy, warn, bad or idle")
    seconds = serializers.FloatField(allow_null=True)
    detail = serializers.CharField(help_text="what the step waits for, such as: waiting for a worker; 3 before it")


class WallsSerializer(serializers.Serializer):
    level = serializers.CharField(help_text="bubblewrap, landlock, uid or none")
    user = serializers.IntegerField(allow_null=True, help_text="of the host, as whom it runs; null: the studio's")
    description = serializers.CharField()


class ReplicaSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="from 1")
    state = serializers.CharField(help_text="absent, starting, ready, unreachable, stopping, failed, dead or ending")
    restarts = serializers.IntegerField(help_text="after crashes, since somebody last asked for it to run")
    started_at = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(help_text="why it ended the last time")


class InstanceSerializer(serializers.Serializer):
    """A revision that should run. With 0 desired replicas it sleeps."""

    revision = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Phase.choices)
    desired_replicas = serializers.IntegerField()
    ready_replicas = serializers.IntegerField()
    replicas = ReplicaSerializer(many=True)


class ServiceSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Phase.choices)
    desired = serializers.ChoiceField(choices=Desired.choices)
    cause = CauseSerializer(allow_null=True)
    asleep = serializers.BooleanField(help_text="whether none of its replicas should run until somebody asks")
    scoring_uri = serializers.CharField(allow_null=True)
    front_uri = serializers.CharField(
        allow_null=True, help_text="through the front, which splits requests over revisions; null without one"
    )
    swagger_uri = serializers.CharField(allow_null=True)
    grpc_address = serializers.CharField(
        allow_null=True, help_text="host:port of the Open Inference Protocol over gRPC"
    )
    front_grpc_address = serializers.CharField(
        allow_null=True, help_text="where the front passes gRPC on to the default revision's replicas"
    )
    models = serializers.ListField(child=serializers.CharField(), help_text="name:number")
    config = serializers.CharField(allow_null=True, help_text="name:number; null for a development service")
    development = serializers.BooleanField(help_text="whether it runs files of a folder that are registered nowhere")
    revision = serializers.IntegerField(help_text="the one that is wanted")
    observed_revision = serializers.IntegerField(allow_null=True, help_text="the one that runs")
    update = UpdateSerializer(  # type: ignore[assignment]  # a field is no attribute of the class: the method stays
        allow_null=True, help_text="an update that is under way or has failed, else null"
    )
    instances = InstanceSerializer(many=True)  # type: ignore[assignment]
    operation = serializers.CharField(
        allow_null=True, help_text="what is under way, such as the rollout to revision 2; other changes have to wait"
    )
    target = serializers.CharField()
    walls = WallsSerializer(allow_null=True, help_text="what stands around the code of the service that runs")
    steps = StepSerializer(many=True)
    description = serializers.CharField()
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deployment_config = DeploymentConfigField()


class DeployedSerializer(ServiceSerializer):
    deployed_revision = serializers.IntegerField(help_text="number of the revision that this deployment made")
    warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="what people should know of what they asked for: settings of Azure's that have no effect, "
        "another name than the one that was given",
    )


class RevisionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    models = serializers.ListField(child=serializers.CharField(), help_text="name:number")
    config = serializers.CharField(allow_null=True, help_text="name:number; null in a development service")
    state = serializers.ChoiceField(choices=Phase.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # a field is no attribute of the class
    share = serializers.FloatField(help_text="per cent of the service's requests that it gets")
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    reason = serializers.CharField()
    can_roll_back = serializers.BooleanField(help_text="whether rollback takes it: it is built, and not wanted already")


class RollbackSerializer(StrictSerializer):
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=LARGEST,
        help_text="number of the revision that is to answer again; by default the one that answers while an update is "
        "under way or has failed, else the one that answered before",
    )


class SourceSerializer(StrictSerializer):
    """The files that a development service runs. Nothing of them is registered; they go with the service."""

    files = serializers.ListField(child=serializers.UUIDField(), max_length=1000, help_text="ids of complete uploads")
    entry_script = serializers.CharField(
        required=False, allow_blank=True, max_length=500, help_text="by default score.py or main.py"
    )
    environment = serializers.CharField(
        required=False, allow_blank=True, help_text="name:number; by default the studio's own"
    )
    requirements = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="lines of a requirements or conda file, in place of environment",
    )
    python_version = serializers.CharField(
        required=False, allow_blank=True, max_length=16, help_text="such as 3.11, for requirements"
    )
    environment_variables = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class ReloadSerializer(SourceSerializer):
    """What changes; the rest stays as it is."""

    files = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=1000,
        help_text="ids of complete uploads: files that are new or changed",
    )
    removed = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, max_length=1000, help_text="paths of files"
    )
    base = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST,
        help_text="revision that the changes are about; 409 if it is no longer the one that runs",
    )


class ServiceSourceSerializer(serializers.Serializer):
    """The files that a development service runs."""

    revision = serializers.IntegerField()
    entry_script = serializers.CharField()
    environment = serializers.CharField(allow_null=True, help_text="name:number")
    files = FileSerializer(many=True)


class DeploySerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    models = serializers.ListField(
        child=serializers.CharField(max_length=300),
        max_length=50,
        help_text="name:number; none for an entry script that brings all it needs",
    )
    config = serializers.CharField(required=False, allow_null=True, default=None, help_text="name:number")
    source = SourceSerializer(  # type: ignore[assignment]  # a field is no attribute of the class
        required=False,
        allow_null=True,
        default=None,
        help_text="instead of config: files that are not registered, which makes a development service",
    )
    target = serializers.CharField(required=False, allow_null=True, default=None)
    description = serializers.CharField(required=False, allow_blank=True, allow_null=True, default=None)
    deployment_config = DeploymentConfigField(required=False, allow_null=True, default=None)
    overwrite = serializers.BooleanField(required=False, default=False)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)
    label = serializers.CharField(  # type: ignore[assignment]  # a field is no attribute of the class
        required=False,
        allow_blank=True,
        default="",
        max_length=63,
        help_text="a name of the revision; requests ask for it by x-slipway-revision",
    )
    traffic = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=100,
        help_text="per cent that the new revision of a service gets beside the others, 0 for none yet; by default it "
        "takes over all requests once it is proven",
    )


class KeysSerializer(serializers.Serializer):
    primary = serializers.CharField()
    secondary = serializers.CharField()


class ChosenKeySerializer(StrictSerializer):
    value = serializers.CharField(required=False, help_text="the new key; left out, the studio makes one")


class AccessTokenSerializer(serializers.Serializer):
    """Clients send `access_token` as `Authorization: Bearer …`, and get a new one after `refresh_after`."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(help_text="always Bearer")
    refresh_after = serializers.DateTimeField()
    expiry_on = serializers.DateTimeField()


class LogSerializer(serializers.Serializer):
    text = serializers.CharField()
    offset = serializers.IntegerField(help_text="byte to go on at")
