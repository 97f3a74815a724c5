from django.urls import path

from monitoring.views import pages, profiles

urlpatterns = [
    path("metrics/home/", pages.home_metrics, name="home_metrics"),
    path("services/<slug:name>/metrics/", pages.service_metrics, name="service_metrics"),
    path("services/<slug:name>/metrics/data/", pages.service_metrics_data, name="service_metrics_data"),
    path("services/<slug:name>/metrics/keys/", pages.service_key_use_data, name="service_key_use_data"),
    path("services/<slug:name>/metrics/keys.csv", pages.service_key_use_csv, name="service_key_use_csv"),
    path("services/<slug:name>/metrics/csv/", pages.service_metrics_csv, name="service_metrics_csv"),
    path("profiles/", profiles.profile_list, name="profile_list"),
    path("profiles/<int:profile>/", profiles.profile_detail, name="profile_detail"),
    path("profiles/<int:profile>/data/", profiles.profile_data, name="profile_data"),
    path("profiles/<int:profile>/csv/", profiles.profile_csv, name="profile_csv"),
    path("profiles/<int:profile>/json/", profiles.profile_json, name="profile_json"),
    path("profiles/<int:profile>/cancel/", profiles.profile_cancel, name="profile_cancel"),
    path("profiles/<int:profile>/again/", profiles.profile_again, name="profile_again"),
    path("profiles/<int:profile>/apply/", profiles.profile_apply, name="profile_apply"),
]
