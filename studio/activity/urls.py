from django.urls import path

from studio.activity import views

urlpatterns = [
    path("activity/", views.activity_list, name="activity_list"),
    path("activity/export.csv", views.activity_csv, name="activity_csv"),
    path("activity/recent/", views.recent_activity, name="recent_activity"),
]
