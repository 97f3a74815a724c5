"""REST addresses of deployments, below /api/v1/workspaces/<workspace>/."""

from django.urls import path

from deployments.api_configs import ConfigViewSet

urlpatterns = [
    path("configs", ConfigViewSet.as_view({"get": "list", "post": "create"})),
    path("configs/<str:reference>", ConfigViewSet.as_view({"get": "retrieve"})),
    path("configs/<str:reference>/inferenceconfig", ConfigViewSet.as_view({"get": "inferenceconfig"})),
]
