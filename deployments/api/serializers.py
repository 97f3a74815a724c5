"""Shapes of `/services`."""

from rest_framework import serializers

from deployments.models import Desired, Phase


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


class StepSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.CharField(help_text="ok, busy, warn, bad or idle")
    seconds = serializers.FloatField(allow_null=True)
    detail = serializers.CharField(help_text="what the step waits for, such as: waiting for a worker; 3 before it")


class DeploymentConfigSerializer(serializers.Serializer):
    """What is left out gets its default. Ranges are checked when the service is deployed."""

    cpu = serializers.FloatField(required=False, allow_null=True, help_text="cores; default 1")
    memory_gb = serializers.FloatField(required=False, allow_null=True, help_text="default 1")
    processes = serializers.IntegerField(required=False, allow_null=True, help_text="default: chosen from the cores")
    auth = serializers.BooleanField(required=False, help_text="whether calls need a key; default true")
    token_auth = serializers.BooleanField(
        required=False, help_text="whether calls need a token that expires instead of a key; default false"
    )
    grpc = serializers.BooleanField(
        required=False, help_text="whether it answers over gRPC too, models without code only; default false"
    )
    environment_variables = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
    server = serializers.DictField(
        required=False,
        help_text="options of the scoring server: batching, queue_limit, queue_wait_seconds, connections_limit, "
        "providers, cors_origins, log_format, access_log, collect, compress_answers, "
        "warm_up (a sample request: body, path, runs)",
    )
    start_deadline_seconds = serializers.IntegerField(required=False, allow_null=True)
    scoring_timeout_seconds = serializers.FloatField(required=False, allow_null=True)
    max_body_mb = serializers.IntegerField(required=False, allow_null=True)


class ServiceSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Phase.choices)
    desired = serializers.ChoiceField(choices=Desired.choices)
    cause = CauseSerializer(allow_null=True)
    scoring_uri = serializers.CharField(allow_null=True)
    swagger_uri = serializers.CharField(allow_null=True)
    grpc_address = serializers.CharField(
        allow_null=True, help_text="host:port of the Open Inference Protocol over gRPC"
    )
    models = serializers.ListField(child=serializers.CharField(), help_text="name:number")
    config = serializers.CharField(allow_null=True, help_text="name:number")
    revision = serializers.IntegerField(help_text="the newest")
    observed_revision = serializers.IntegerField(allow_null=True, help_text="the one that runs")
    target = serializers.CharField()
    steps = StepSerializer(many=True)
    description = serializers.CharField()
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deployment_config = DeploymentConfigSerializer()


class DeploySerializer(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    models = serializers.ListField(
        child=serializers.CharField(max_length=300), allow_empty=False, max_length=50, help_text="name:number"
    )
    config = serializers.CharField(required=False, allow_null=True, default=None, help_text="name:number")
    target = serializers.CharField(required=False, allow_null=True, default=None)
    description = serializers.CharField(required=False, allow_blank=True, allow_null=True, default=None)
    deployment_config = serializers.DictField(
        required=False, allow_null=True, default=None, help_text="see deployment_config of a service"
    )
    overwrite = serializers.BooleanField(required=False, default=False)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class KeysSerializer(serializers.Serializer):
    primary = serializers.CharField()
    secondary = serializers.CharField()


class AccessTokenSerializer(serializers.Serializer):
    """Clients send `access_token` as `Authorization: Bearer …`, and get a new one after `refresh_after`."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(help_text="always Bearer")
    refresh_after = serializers.DateTimeField()
    expiry_on = serializers.DateTimeField()


class LogSerializer(serializers.Serializer):
    text = serializers.CharField()
    offset = serializers.IntegerField(help_text="byte to go on at")
