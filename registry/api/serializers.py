"""How models, versions and uploads look over REST."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.models import ModelVersion, Upload
from registry.versions.usage import services_of
from studio.accounts.models import User
from studio.core.strict_fields import StrictSerializer

_TAGS_SCHEMA = {
    "oneOf": [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"type": "string", "example": "area=vision"}},
    ]
}


@extend_schema_field(_TAGS_SCHEMA)
class TagsField(serializers.Field):
    """`{"area": "vision"}` or `["area=vision"]`; registry.versions.labels judges keys and values."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) or (isinstance(data, list) and all(isinstance(tag, str) for tag in data)):
            return data
        raise serializers.ValidationError('Write tags as {"key": "value"} or ["key=value"].')

    def to_representation(self, value: Any) -> Any:
        return value


class PropertiesField(serializers.DictField):
    """Texts, numbers, true and false; registry.versions.labels judges them."""

    child = serializers.JSONField()


class ResourcesSerializer(StrictSerializer):
    cpu = serializers.FloatField(required=False, allow_null=True, help_text="cores")
    memory_gb = serializers.FloatField(required=False, allow_null=True)
    gpu = serializers.IntegerField(required=False, default=0)


class FileSerializer(serializers.Serializer):
    path = serializers.CharField()
    size = serializers.IntegerField(source="artifact.size", help_text="bytes")
    sha256 = serializers.CharField(source="artifact.digest")
    damaged = serializers.BooleanField(
        source="artifact.is_damaged", help_text="The store has lost its bytes, or holds others: upload the file again."
    )


def author() -> "serializers.SlugRelatedField[User]":
    """Who made a thing, by name; null when their account is gone."""
    return serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)


class VersionSerializer(serializers.ModelSerializer):
    """A version. Give `services` (registry.versions.usage.services_of) in the context when there are several."""

    id = serializers.CharField(source="__str__", help_text="name:version")
    version = serializers.IntegerField(source="number")
    tags = serializers.SerializerMethodField()
    signature = serializers.DictField(
        allow_null=True,
        help_text="Inputs and outputs, each with name, datatype and shape (-1 is any size); an input with a default "
        "has optional: true. columns, where the files tell them, are those of a table in the model's order.",
    )
    facts = serializers.DictField()
    rejection = serializers.DictField(allow_null=True)
    properties = serializers.DictField()
    resources = ResourcesSerializer(source="*")
    files = FileSerializer(many=True)
    derivation = serializers.DictField(
        help_text="where the studio made it of another version: from, how, speed_up_one, largest_difference"
    )
    created_by = author()
    services = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = (
            "id",
            "name",
            "version",
            "state",
            "framework",
            "framework_version",
            "description",
            "tags",
            "properties",
            "signature",
            "facts",
            "rejection",
            "resources",
            "size",
            "folder",
            "files",
            "derivation",
            "created_by",
            "created_at",
            "services",
        )
        read_only_fields = fields

    def get_tags(self, version: ModelVersion) -> dict[str, str]:
        return {tag.key: tag.value for tag in version.tags.all()}

    def get_services(self, version: ModelVersion) -> list[str]:
        return self.context["services"].get(version.pk, [])


def shown(versions: list[ModelVersion]) -> list[dict[str, Any]]:
    """Versions as JSON, with the services that use them found in one question."""
    return list(VersionSerializer(versions, many=True, context={"services": services_of(versions)}).data)


class ModelSerializer(serializers.Serializer):
    name = serializers.CharField()
    latest = VersionSerializer(allow_null=True)
    match = VersionSerializer(allow_null=True, help_text="the newest version that the filter finds; else the latest")
    versions = serializers.IntegerField(help_text="how many there are")
    updated_at = serializers.DateTimeField()


class RegisterSerializer(StrictSerializer):
    name = serializers.CharField(max_length=255)
    files = serializers.ListField(child=serializers.UUIDField(), help_text="ids of complete uploads")
    folder = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=255,
        help_text="name of the folder that all files come from; a script finds them under it, too",
    )
    unpack = serializers.BooleanField(default=False, help_text="unpack the archives among the files")
    description = serializers.CharField(required=False, default="", allow_blank=True)
    tags = TagsField(required=False)
    properties = PropertiesField(required=False)
    framework = serializers.CharField(required=False, default="", allow_blank=True)
    framework_version = serializers.CharField(required=False, default="", allow_blank=True)
    resources = ResourcesSerializer(required=False)


class EditSerializer(StrictSerializer):
    description = serializers.CharField(required=False, allow_blank=True)
    add_tags = TagsField(required=False)
    remove_tags = serializers.ListField(child=serializers.CharField(), required=False)
    add_properties = PropertiesField(required=False)


class BeginUploadSerializer(StrictSerializer):
    path = serializers.CharField(max_length=2000, trim_whitespace=False)
    size = serializers.IntegerField(min_value=0, max_value=2**62, help_text="bytes")
    sha256 = serializers.CharField(required=False, default="", allow_blank=True)


class CompleteUploadSerializer(StrictSerializer):
    sha256 = serializers.CharField(required=False, default="", allow_blank=True)


class UploadSerializer(serializers.ModelSerializer):
    """`received` bytes are safe; go on from there with chunks of at most `chunk_bytes`."""

    chunk_bytes = serializers.SerializerMethodField()
    complete = serializers.BooleanField(source="is_complete")
    sha256 = serializers.CharField(source="artifact_id", allow_null=True)

    class Meta:
        model = Upload
        fields = ("id", "path", "size", "received", "chunk_bytes", "complete", "sha256")
        read_only_fields = fields

    def get_chunk_bytes(self, upload: Upload) -> int:
        return settings.SLIPWAY["CHUNK_BYTES"]


class ListedUploadSerializer(UploadSerializer):
    class Meta:
        model = Upload
        fields = (*UploadSerializer.Meta.fields, "created_at", "touched_at")
        read_only_fields = fields
