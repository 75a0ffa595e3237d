"""Sign-in, and machine tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.forms import SignInForm, TokenForm, teams_for
from governance.accounts.models import Token, User
from governance.accounts.permissions import viewer_of
from governance.accounts.services import create_token, revoke_token
from governance.accounts.throttle import THROTTLE
from governance.web.views import render_page


class SignIn(LoginView):
    """Name and password, slowed down after failures; `next` leads to this host only."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def who(self) -> tuple[str, str]:
        """Account and address that the throttle counts by."""
        return self.request.POST.get("username", ""), self.request.META.get("REMOTE_ADDR", "")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Look at the password only where nobody has to wait."""
        if not (seconds := THROTTLE.wait(*self.who())):
            return super().post(request, *args, **kwargs)
        context = self.get_context_data(form=SignInForm(request), wait=seconds)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(seconds)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """`wait` is there on every answer; `provider` is the name of another way to sign in, where there is one."""
        there = bool(settings.OIDC_ISSUER)
        begin = reverse("openid_connect_login", args=[settings.OIDC_PROVIDER]) if there else ""
        more = {"wait": 0, "provider": settings.OIDC_NAME if there else "", "begin": begin}
        return super().get_context_data(**{**more, **kwargs})

    def form_valid(self, form: Any) -> HttpResponse:
        """Signed in: earlier failures no longer count."""
        THROTTLE.forget(*self.who())
        return super().form_valid(form)

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        """Count it and say no more than that it was wrong."""
        THROTTLE.failed(*self.who())
        return self.render_to_response(self.get_context_data(form=form), status=422)


class TokenList(View):
    """Tokens and the form for a new one; the secret is in the answer to the form, once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list."""
        return self.page(request, TokenForm(maker=person(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make one."""
        form = TokenForm(request.POST, maker=person(request))
        if not form.is_valid():
            return self.page(request, form, status=422)
        said = form.cleaned_data
        try:
            token, secret = create_token(person(request), **said)
        except (PermissionDenied, ValidationError) as error:
            form.refuse(error if isinstance(error, ValidationError) else ValidationError(str(error)))
            return self.page(request, form, status=422)
        answer = self.page(request, TokenForm(maker=person(request)), 201, "tokens", made=token, secret=secret)
        answer["HX-Retarget"] = "#tokens"
        return answer

    def page(
        self, request: HttpRequest, form: TokenForm, status: int = 200, part: str = "new", **made: Any
    ) -> HttpResponse:
        """The page, with the secret where one was just made."""
        context = {
            "tokens": Token.objects.visible_to(person(request)).select_related("team", "maker")[:500],
            "form": form,
            "may_make": person(request).is_admin or teams_for(person(request)).exists(),
            "made": made.get("made"),
            "secret": made.get("secret", ""),
        }
        return render_page(request, "accounts/token_list.html", context, part, status=status)


def person(request: HttpRequest) -> User:
    """The person who is signed in (pages are for people only)."""
    viewer = viewer_of(request)
    if not isinstance(viewer, User):
        raise PermissionDenied("sign in first")
    return viewer


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    token = get_object_or_404(Token.objects.visible_to(person(request)), pk=pk)
    revoke_token(person(request), token)
    messages.success(request, f"Token {token.name} is revoked; nothing can use it any more.")
    return redirect("accounts:token_list")
