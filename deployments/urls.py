"""Pages below /w/<workspace>/. The fixed words come before names."""

from django.urls import path

from deployments.views import configs

urlpatterns = [
    path("configs/", configs.config_list, name="config_list"),
    path("configs/new/", configs.config_new, name="config_new"),
    path("configs/new/check/", configs.config_check, name="config_check"),
    path("configs/new/import/", configs.config_import, name="config_import"),
    path("configs/<str:name>/<int:number>/", configs.config_detail, name="config_detail"),
    path("configs/<str:name>/<int:number>/inferenceconfig.json", configs.config_export, name="config_export"),
]
