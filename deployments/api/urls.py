"""REST addresses of deployments, below /api/v1/workspaces/<workspace>/."""

from django.urls import path

from deployments.api.client_keys import ClientKeyViewSet
from deployments.api.configs import ConfigViewSet
from deployments.api.development import DevelopmentViewSet
from deployments.api.devices import DeviceRolloutViewSet, DeviceViewSet
from deployments.api.edge_exports import EdgeExportViewSet, IotEdgeManifestView, SigningKeyView
from deployments.api.images import ImageViewSet
from deployments.api.outcomes import OutcomeViewSet
from deployments.api.packages import PackageViewSet
from deployments.api.parsers import RawParser
from deployments.api.registries import RegistryViewSet
from deployments.api.rollouts import RolloutViewSet
from deployments.api.scaling import ScalingViewSet
from deployments.api.services import ServiceViewSet
from deployments.api.targets import TargetKindsView, TargetViewSet
from deployments.api.traffic import TrafficViewSet

service = "services/<slug:name>"
target = "targets/<slug:name>"

urlpatterns = [
    path("configs", ConfigViewSet.as_view({"get": "list", "post": "create"})),
    path("configs/<str:reference>", ConfigViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("configs/<str:reference>/files/<path:path>", ConfigViewSet.as_view({"get": "file"})),
    path("configs/<str:reference>/inferenceconfig", ConfigViewSet.as_view({"get": "inferenceconfig"})),
    path("config-import", ConfigViewSet.as_view({"post": "import_file"})),
    path("services", ServiceViewSet.as_view({"get": "list", "post": "create"}), name="api_services"),
    path(service, ServiceViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="api_service"),
    path(f"{service}/stop", ServiceViewSet.as_view({"post": "stop"})),
    path(f"{service}/start", ServiceViewSet.as_view({"post": "start"})),
    path(f"{service}/source", DevelopmentViewSet.as_view({"get": "retrieve"})),
    path(f"{service}/reload", DevelopmentViewSet.as_view({"post": "create"})),
    path(f"{service}/revisions", ServiceViewSet.as_view({"get": "revisions"})),
    path(f"{service}/rollback", ServiceViewSet.as_view({"post": "rollback"})),
    path(f"{service}/scale", ScalingViewSet.as_view({"get": "retrieve", "post": "create"})),
    path(f"{service}/traffic", TrafficViewSet.as_view({"get": "retrieve", "put": "update"}), name="api_traffic"),
    path(f"{service}/traffic/promote", TrafficViewSet.as_view({"post": "promote"})),
    path(f"{service}/traffic/abort", TrafficViewSet.as_view({"post": "abort"})),
    path(f"{service}/traffic/<int:revision>", TrafficViewSet.as_view({"delete": "destroy"})),
    path(f"{service}/outcomes", OutcomeViewSet.as_view({"post": "create"})),
    path(f"{service}/verdict", OutcomeViewSet.as_view({"get": "retrieve"})),
    path(f"{service}/rollout", RolloutViewSet.as_view({"get": "retrieve", "post": "create"})),
    path(f"{service}/rollout/pause", RolloutViewSet.as_view({"post": "pause"})),
    path(f"{service}/rollout/resume", RolloutViewSet.as_view({"post": "resume"})),
    path(f"{service}/rollout/advance", RolloutViewSet.as_view({"post": "advance"})),
    path(f"{service}/rollout/abort", RolloutViewSet.as_view({"post": "abort"})),
    path(f"{service}/keys", ServiceViewSet.as_view({"get": "keys"})),
    path(f"{service}/keys/<slug:slot>/regenerate", ServiceViewSet.as_view({"post": "regenerate_key"})),
    path(f"{service}/client-keys", ClientKeyViewSet.as_view({"get": "list", "post": "create"})),
    path(
        f"{service}/client-keys/<slug:key>", ClientKeyViewSet.as_view({"patch": "partial_update", "delete": "destroy"})
    ),
    path(f"{service}/client-keys/<slug:key>/regenerate", ClientKeyViewSet.as_view({"post": "regenerate"})),
    path(f"{service}/token", ServiceViewSet.as_view({"post": "token"}), name="api_service_token"),
    path(f"{service}/token/regenerate", ServiceViewSet.as_view({"post": "regenerate_tokens"})),
    path(f"{service}/deploymentconfig", ServiceViewSet.as_view({"get": "deploymentconfig"})),
    path(f"{service}/logs", ServiceViewSet.as_view({"get": "logs"})),
    path(f"{service}/score", ServiceViewSet.as_view({"post": "score"}, parser_classes=[RawParser])),
    path(f"{service}/edge-exports", EdgeExportViewSet.as_view({"get": "list", "post": "create"})),
    path(f"{service}/edge-exports/<int:pk>", EdgeExportViewSet.as_view({"get": "retrieve"})),
    path(f"{service}/edge-exports/<int:pk>/file", EdgeExportViewSet.as_view({"get": "file"})),
    path("packages", PackageViewSet.as_view({"get": "list", "post": "create"})),
    path("packages/<int:pk>", PackageViewSet.as_view({"get": "retrieve"})),
    path("packages/<int:pk>/file", PackageViewSet.as_view({"get": "file"})),
    path("registries", RegistryViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "registries/<slug:name>",
        RegistryViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("images", ImageViewSet.as_view({"get": "list"})),
    path("images/<int:pk>", ImageViewSet.as_view({"get": "retrieve"})),
    path("images/<int:pk>/bill", ImageViewSet.as_view({"get": "bill"})),
    path("images/<int:pk>/licences", ImageViewSet.as_view({"get": "licences"})),
    path(f"{service}/iot-edge-manifest", IotEdgeManifestView.as_view()),
    path("signing-key", SigningKeyView.as_view()),
    path("target-kinds", TargetKindsView.as_view()),
    path("targets", TargetViewSet.as_view({"get": "list", "post": "create"})),
    path(
        target,
        TargetViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api_target",
    ),
    path(f"{target}/devices", DeviceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        f"{target}/devices/<slug:device>",
        DeviceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path(f"{target}/devices/<slug:device>/regenerate-key", DeviceViewSet.as_view({"post": "regenerate_key"})),
    path(f"{target}/devices/<slug:device>/revoke-key", DeviceViewSet.as_view({"post": "revoke_key"})),
    path(f"{target}/device-rollouts", DeviceRolloutViewSet.as_view({"get": "list"})),
    path(f"{target}/device-rollouts/<slug:service>/resume", DeviceRolloutViewSet.as_view({"post": "resume"})),
    path(f"{target}/check", TargetViewSet.as_view({"post": "check"})),
]
