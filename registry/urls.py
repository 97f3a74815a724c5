"""Pages below /w/<workspace>/. The fixed words come before the names of models."""

from django.urls import path

from registry.views import conversions, environments, files, models, register, samples, versions

urlpatterns = [
    path("models/", models.model_list, name="model_list"),
    path("models/facets/", models.model_facets, name="model_facets"),
    path("models/register/", register.model_register, name="model_register"),
    path("models/register/summary/", register.register_summary, name="register_summary"),
    path("models/samples/", samples.add_samples, name="add_samples"),
    path("models/<str:name>/", models.model_detail, name="model_detail"),
    path("models/<str:name>/<int:number>/", versions.version_detail, name="version_detail"),
    path("models/<str:name>/<int:number>/state/", versions.version_state, name="version_state"),
    path("models/<str:name>/<int:number>/edit/", versions.version_edit, name="version_edit"),
    path("models/<str:name>/<int:number>/delete/", versions.version_delete, name="version_delete"),
    path("models/<str:name>/<int:number>/convert/", conversions.conversion_new, name="conversion_new"),
    path("models/<str:name>/<int:number>/files/<path:path>", files.version_file, name="version_file"),
    path("models/<str:name>/<int:number>/archive/", files.version_archive, name="version_archive"),
    path("conversions/<int:conversion>/", conversions.conversion_detail, name="conversion_detail"),
    path("conversions/<int:conversion>/csv/", conversions.conversion_csv, name="conversion_csv"),
    path("conversions/<int:conversion>/cancel/", conversions.conversion_cancel, name="conversion_cancel"),
    path("conversions/<int:conversion>/register/", conversions.conversion_register, name="conversion_register"),
    path("environments/", environments.environment_list, name="environment_list"),
    path("environments/new/", environments.environment_new, name="environment_new"),
    path("environments/edit/", environments.environment_edit, name="environment_edit"),
    path("environments/<str:name>/<int:number>/", environments.environment_detail, name="environment_detail"),
    path("environments/<str:name>/<int:number>/delete/", environments.environment_delete, name="environment_delete"),
]
