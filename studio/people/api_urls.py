from typing import Any

from django.urls import path

from studio.people import api, invitation_api

_list: dict[str, Any] = {"get": "list", "post": "create"}
_one = "workspaces/<slug:workspace>/"

urlpatterns = [
    path("sign-in", api.SignIn.as_view(), name="api_sign_in"),
    path("sign-out", api.SignOut.as_view(), name="api_sign_out"),
    path("me", api.Me.as_view(), name="api_me"),
    path("workspaces", api.WorkspaceViewSet.as_view(_list), name="api_workspaces"),
    path("workspaces/<slug:workspace>", api.OneWorkspace.as_view(), name="api_workspace"),
    path(f"{_one}members", api.MemberViewSet.as_view(_list), name="api_members"),
    path(
        f"{_one}members/<str:username>",
        api.MemberViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="api_member",
    ),
    path(f"{_one}invitations", invitation_api.InvitationViewSet.as_view(_list), name="api_invitations"),
    path(
        f"{_one}invitations/<int:pk>",
        invitation_api.InvitationViewSet.as_view({"delete": "destroy"}),
        name="api_invitation",
    ),
    path(f"{_one}tokens", api.TokenViewSet.as_view(_list), name="api_tokens"),
    path(f"{_one}tokens/<int:pk>", api.TokenViewSet.as_view({"delete": "destroy"}), name="api_token"),
]
