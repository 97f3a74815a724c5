"""Pages below /w/<workspace>/. The fixed words come before names."""

from django.urls import path

from deployments.views import (
    client_keys,
    composer,
    config_import,
    configs,
    deploy,
    devices,
    edge_exports,
    model_services,
    packages,
    registries,
    rollouts,
    scaling,
    service_actions,
    service_logs,
    services,
    targets,
    traffic_actions,
    verdict,
    version_revisions,
)

urlpatterns = [
    path("configs/", configs.config_list, name="config_list"),
    path("configs/new/", composer.config_new, name="config_new"),
    path("configs/new/check/", composer.config_check, name="config_check"),
    path("configs/new/trial/", composer.config_trial, name="config_trial"),
    path("configs/new/import/", config_import.config_import, name="config_import"),
    path("configs/<str:name>/<int:number>/", configs.config_detail, name="config_detail"),
    path("configs/<str:name>/<int:number>/delete/", configs.config_delete, name="config_delete"),
    path("configs/<str:name>/<int:number>/inferenceconfig.json", configs.config_export, name="config_export"),
    path("deploy/", deploy.deploy, name="deploy"),
    path("deploy/commands/", deploy.deploy_commands, name="deploy_commands"),
    path("deploy/config/", deploy.deploy_config, name="deploy_config"),
    path("models/<str:name>/services/", model_services.model_services, name="model_services"),
    path("models/<str:name>/<int:number>/deployments/", version_revisions.version_revisions, name="version_revisions"),
    path("settings/targets/", targets.target_list, name="target_list"),
    path("settings/targets/new/", targets.target_new, name="target_new"),
    path("settings/targets/at/<slug:name>/", targets.target_detail, name="target_detail"),
    path("settings/targets/at/<slug:name>/check/", targets.target_check, name="target_check"),
    path("settings/targets/at/<slug:name>/remove/", targets.target_remove, name="target_remove"),
    path("settings/targets/at/<slug:name>/devices/", devices.device_list, name="device_list"),
    path(
        "settings/targets/at/<slug:name>/devices/at/<slug:device>/labels/", devices.device_labels, name="device_labels"
    ),
    path(
        "settings/targets/at/<slug:name>/devices/at/<slug:device>/key/",
        devices.device_regenerate_key,
        name="device_regenerate_key",
    ),
    path(
        "settings/targets/at/<slug:name>/devices/at/<slug:device>/revoke/",
        devices.device_revoke_key,
        name="device_revoke_key",
    ),
    path(
        "settings/targets/at/<slug:name>/devices/at/<slug:device>/remove/", devices.device_remove, name="device_remove"
    ),
    path(
        "settings/targets/at/<slug:name>/releases/<slug:service>/resume/",
        devices.device_rollout_resume,
        name="device_rollout_resume",
    ),
    path("services/", services.service_list, name="service_list"),
    path("services/<slug:name>/", services.service_detail, name="service_detail"),
    path("services/<slug:name>/status/", services.service_status, name="service_status"),
    path("services/<slug:name>/stop/", service_actions.service_stop, name="service_stop"),
    path("services/<slug:name>/start/", service_actions.service_start, name="service_start"),
    path("services/<slug:name>/rollback/", service_actions.service_rollback, name="service_rollback"),
    path("services/<slug:name>/scale/", scaling.service_scale, name="service_scale"),
    path("services/<slug:name>/traffic/", traffic_actions.service_traffic, name="service_traffic"),
    path("services/<slug:name>/traffic/running/", traffic_actions.service_running, name="service_running"),
    path(
        "services/<slug:name>/traffic/command/", traffic_actions.service_traffic_command, name="service_traffic_command"
    ),
    path("services/<slug:name>/traffic/promote/", traffic_actions.service_promote, name="service_promote"),
    path("services/<slug:name>/traffic/abort/", traffic_actions.service_traffic_abort, name="service_traffic_abort"),
    path("services/<slug:name>/traffic/take-out/", traffic_actions.service_take_out, name="service_take_out"),
    path("services/<slug:name>/rollout/", rollouts.service_rollout, name="service_rollout"),
    path("services/<slug:name>/rollout/preview/", rollouts.rollout_preview, name="rollout_preview"),
    path("services/<slug:name>/rollout/pause/", rollouts.rollout_pause, name="rollout_pause"),
    path("services/<slug:name>/rollout/resume/", rollouts.rollout_resume, name="rollout_resume"),
    path("services/<slug:name>/rollout/advance/", rollouts.rollout_advance, name="rollout_advance"),
    path("services/<slug:name>/rollout/abort/", rollouts.rollout_abort, name="rollout_abort"),
    path("services/<slug:name>/verdict/", verdict.service_verdict, name="service_verdict"),
    path("services/<slug:name>/delete/", service_actions.service_delete, name="service_delete"),
    path("services/<slug:name>/keys/", service_actions.service_keys, name="service_keys"),
    path(
        "services/<slug:name>/keys/regenerate/", service_actions.service_regenerate_key, name="service_regenerate_key"
    ),
    path("services/<slug:name>/client-keys/", client_keys.client_key_list, name="client_key_list"),
    path("services/<slug:name>/client-keys/<slug:key>/", client_keys.client_key_change, name="client_key_change"),
    path(
        "services/<slug:name>/client-keys/<slug:key>/regenerate/",
        client_keys.client_key_regenerate,
        name="client_key_regenerate",
    ),
    path(
        "services/<slug:name>/client-keys/<slug:key>/delete/", client_keys.client_key_delete, name="client_key_delete"
    ),
    path("services/<slug:name>/token/", service_actions.service_token, name="service_token"),
    path(
        "services/<slug:name>/token/regenerate/",
        service_actions.service_regenerate_tokens,
        name="service_regenerate_tokens",
    ),
    path("services/<slug:name>/edge/", edge_exports.service_edge, name="service_edge"),
    path("services/<slug:name>/edge/<int:export>/", edge_exports.edge_export_file, name="edge_export_file"),
    path("packages/", packages.package_list, name="package_list"),
    path("packages/<int:package>/", packages.package_file, name="package_file"),
    path("settings/registries/", registries.registry_list, name="registry_list"),
    path("settings/registries/at/<slug:name>/remove/", registries.registry_remove, name="registry_remove"),
    path("settings/signing-key/", edge_exports.signing_key, name="signing_key"),
    path("services/<slug:name>/test/", service_actions.service_test, name="service_test"),
    path("services/<slug:name>/logs/", service_logs.service_logs, name="service_logs"),
    path("services/<slug:name>/build-log/", service_logs.build_log, name="build_log"),
]
