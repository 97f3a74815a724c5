from django.urls import path

from studio.activity import api

urlpatterns = [path("events", api.EventViewSet.as_view({"get": "list"}), name="api_events")]
