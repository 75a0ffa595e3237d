"""Pages of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from governance.accounts.person_views import (
    Account,
    PersonList,
    person_active,
    person_detail,
    person_password,
    person_role,
)
from governance.accounts.views import SignIn, TokenList, token_revoke

app_name = "accounts"
urlpatterns = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="accounts:login"), name="logout"),
    path("account/", Account.as_view(), name="account"),
    path("people/", PersonList.as_view(), name="person_list"),
    path("people/<int:pk>/", person_detail, name="person_detail"),
    path("people/<int:pk>/role/", person_role, name="person_role"),
    path("people/<int:pk>/active/", person_active, name="person_active"),
    path("people/<int:pk>/password/", person_password, name="person_password"),
    path("tokens/", TokenList.as_view(), name="token_list"),
    path("tokens/<int:pk>/revoke/", token_revoke, name="token_revoke"),
]
