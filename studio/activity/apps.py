from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ActivityConfig(AppConfig):
    name = "studio.activity"
    label = "activity"

    def ready(self) -> None:
        autodiscover_modules("events")  # the titles of all types, in processes that record none
