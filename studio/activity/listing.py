"""Which events to show: by object, person, action and day."""

from django.db.models import QuerySet
from django_filters import CharFilter, DateFilter, FilterSet

from studio.activity.models import Event


class EventFilter(FilterSet):
    """Used by the page and by REST alike."""

    subject_type = CharFilter()
    subject_id = CharFilter()
    subject = CharFilter(field_name="subject_label", lookup_expr="icontains", label="object")
    person = CharFilter(field_name="actor_name")
    action = CharFilter(lookup_expr="startswith")
    since = DateFilter(field_name="at", lookup_expr="date__gte", label="first day")
    until = DateFilter(field_name="at", lookup_expr="date__lte", label="last day")

    class Meta:
        model = Event
        fields = ["subject_type", "subject_id", "subject", "person", "action", "since", "until"]

    @property
    def qs(self) -> QuerySet[Event]:
        return super().qs.order_by("-id")
