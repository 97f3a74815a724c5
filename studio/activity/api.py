"""The audit trail over REST: read only."""

from django.db.models import QuerySet
from rest_framework import mixins, serializers, viewsets

from studio.accounts.rest import InWorkspace
from studio.activity.listing import EventFilter
from studio.activity.models import Event


class EventSerializer(serializers.ModelSerializer):
    title = serializers.CharField(read_only=True, help_text="The action as people read it.")
    sentence = serializers.CharField(read_only=True, help_text="Who did what to what, in one line.")

    class Meta:
        model = Event
        fields = [
            "id",
            "at",
            "actor_name",
            "action",
            "title",
            "sentence",
            "subject_type",
            "subject_id",
            "subject_label",
            "reason",
            "details",
        ]


class EventViewSet(InWorkspace, mixins.ListModelMixin, viewsets.GenericViewSet):
    """Who did what to what, why and when; newest first."""

    serializer_class = EventSerializer
    filterset_class = EventFilter
    queryset = Event.objects.none()

    def get_queryset(self) -> QuerySet[Event]:
        return Event.objects.in_workspace(self.workspace)
