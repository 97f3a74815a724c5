from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from studio.people import views

urlpatterns = [
    path("sign-in/", login_not_required(auth.LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
    path("account/", views.account, name="account"),
    path("workspaces/new/", views.workspace_new, name="workspace_new"),
    path("w/<slug:workspace>/settings/", views.workspace_settings, name="workspace_settings"),
    path("w/<slug:workspace>/settings/tokens/", views.token_list, name="tokens"),
    path("w/<slug:workspace>/settings/tokens/<int:token>/revoke/", views.token_revoke, name="token_revoke"),
    path("w/<slug:workspace>/settings/members/", views.member_list, name="members"),
    path("w/<slug:workspace>/settings/members/<str:username>/", views.member_change, name="member_change"),
]
