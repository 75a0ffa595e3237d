"""Pages of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from governance.accounts.views import SignIn, TokenList, token_revoke

app_name = "accounts"
urlpatterns = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="accounts:login"), name="logout"),
    path("tokens/", TokenList.as_view(), name="token_list"),
    path("tokens/<int:pk>/revoke/", token_revoke, name="token_revoke"),
]
