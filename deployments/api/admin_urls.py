"""REST addresses for administrators of the studio, below /api/v1/admin/."""

from django.urls import path

from deployments.api.collection import CollectionsView, CollectionView

urlpatterns = [
    path("collection", CollectionsView.as_view()),
    path("collection/<int:pk>", CollectionView.as_view(), name="api_collection"),
]
