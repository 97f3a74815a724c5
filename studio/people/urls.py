from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from studio.people import account, invitation_pages, people_pages, views

urlpatterns = [
    path("sign-in/", login_not_required(auth.LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
    path("account/", account.account, name="account"),
    path("account/revoke-tokens/", account.revoke_tokens, name="revoke_all_tokens"),
    path("invitations/<str:secret>/", invitation_pages.invitation, name="invitation"),
    path("people/", people_pages.person_list, name="people"),
    path("people/<str:username>/password-link/", people_pages.password_link, name="password_link"),
    path("people/<str:username>/deactivate/", people_pages.person_deactivate, name="person_deactivate"),
    path("people/<str:username>/activate/", people_pages.person_activate, name="person_activate"),
    path("people/<str:username>/administrator/", people_pages.person_administrator, name="person_administrator"),
    path("password/<uidb64>/<token>/", people_pages.ChoosePassword.as_view(), name="choose_password"),
    path("workspaces/new/", views.workspace_new, name="workspace_new"),
    path("w/<slug:workspace>/settings/", views.workspace_settings, name="workspace_settings"),
    path("w/<slug:workspace>/settings/tokens/", views.token_list, name="tokens"),
    path("w/<slug:workspace>/settings/tokens/<int:token>/revoke/", views.token_revoke, name="token_revoke"),
    path("w/<slug:workspace>/settings/members/", views.member_list, name="members"),
    path("w/<slug:workspace>/settings/invitations/", invitation_pages.invitation_new, name="invitation_new"),
    path(
        "w/<slug:workspace>/settings/invitations/<int:invitation>/withdraw/",
        invitation_pages.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("w/<slug:workspace>/settings/members/<str:username>/", views.member_change, name="member_change"),
    path("w/<slug:workspace>/settings/members/<str:username>/remove/", views.member_remove, name="member_remove"),
]
