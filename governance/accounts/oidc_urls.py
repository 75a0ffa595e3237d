"""Sign-in by OpenID Connect, mounted only where a provider is configured. A GET begins nothing."""

from __future__ import annotations

from allauth.socialaccount.providers.openid_connect.views import callback, login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST


@require_POST
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to the provider, to sign in and for nothing else: accounts are never joined."""
    if "process" in request.GET or "process" in request.POST:
        raise Http404
    response: HttpResponse = login(request, provider_id)
    return response


urlpatterns = [
    path("login/oidc/<str:provider_id>/", begin, name="openid_connect_login"),
    path("login/oidc/<str:provider_id>/callback/", callback, name="openid_connect_callback"),
]
