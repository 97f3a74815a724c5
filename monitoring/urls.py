from django.urls import path

from monitoring.views import pages

urlpatterns = [
    path("metrics/home/", pages.home_metrics, name="home_metrics"),
    path("services/<slug:name>/metrics/", pages.service_metrics, name="service_metrics"),
    path("services/<slug:name>/metrics/data/", pages.service_metrics_data, name="service_metrics_data"),
    path("services/<slug:name>/metrics/keys/", pages.service_key_use_data, name="service_key_use_data"),
    path("services/<slug:name>/metrics/keys.csv", pages.service_key_use_csv, name="service_key_use_csv"),
    path("services/<slug:name>/metrics/csv/", pages.service_metrics_csv, name="service_metrics_csv"),
]
