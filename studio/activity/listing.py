"""Which events to show: by object, person and action."""

from django.db.models import QuerySet
from django_filters import CharFilter, FilterSet

from studio.activity.models import Event


class EventFilter(FilterSet):
    """Used by the page and by REST alike."""

    subject_type = CharFilter()
    subject_id = CharFilter()
    subject = CharFilter(field_name="subject_label", lookup_expr="icontains", label="object")
    person = CharFilter(field_name="actor_name")
    action = CharFilter(lookup_expr="startswith")

    class Meta:
        model = Event
        fields = ["subject_type", "subject_id", "subject", "person", "action"]

    @property
    def qs(self) -> QuerySet[Event]:
        return super().qs.order_by("-id")
