"""Event sources: who may send, what to enter there, what came, and a test."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views import View
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.views import person
from governance.web.vault import NoKey
from governance.web.views import done, render_page
from scanning.forms import SampleForm, WebhookForm
from scanning.hooks import Hook, find
from scanning.models import Delivery
from scanning.models_hooks import Look, WebhookSource
from scanning.webhook_sources import add_source, change_secret, remove_source, send_sample, switch

WORDS = {
    "off": "Switched off",
    "never": "Nothing came yet",
    "refused": "Last call refused",
    "heard": "Heard",
}
SHOWN = 20
# Stands where the secret does, which is not shown again.
HIDDEN = "SECRET"


def sources(request: HttpRequest) -> Any:
    """Those that the person may see, or 403: who sees less sees none."""
    if not person(request).sees_everything:
        raise PermissionDenied("only administrators and auditors look at the sources of events")
    return WebhookSource.objects.visible_to(person(request)).select_related("registry")


class WebhookList(View):
    """All of them, and the form for a new one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list."""
        return self.page(request, WebhookForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Add one; its page shows what to enter at the sender."""
        sources(request)
        form = WebhookForm(request.POST)
        if not form.is_valid():
            return self.page(request, form, 422)
        try:
            source, secret = add_source(person(request), form.wanted())
        except ValidationError as error:
            form.refuse(error)
            return self.page(request, form, 422)
        return show(request, source, 201, secret=secret, part="")

    def page(self, request: HttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
        """The page."""
        rows = [(source, source.state(), WORDS[source.state()], find(source.kind)) for source in sources(request)]
        context = {"rows": rows, "form": form, "may_change": person(request).is_admin}
        return render_page(request, "scanning/webhook_list.html", context, "new", status=status)


def show(
    request: HttpRequest, source: WebhookSource, status: int = 200, secret: str = "", part: str = "", **more: Any
) -> HttpResponse:
    """One source; with `secret` right after it was made."""
    hook = find(source.kind)
    state = source.state()
    deliveries = Delivery.objects.filter(webhook=source).order_by("-pk")[:SHOWN]
    looks = Look.objects.filter(registry=source.registry_id).order_by("-wanted_at")[:SHOWN]
    context = {
        "source": source,
        "hook": hook,
        "state": state,
        "words": WORDS[state],
        "secret": secret,
        "settings": settings_of(source, hook, secret),
        "in_path": hook is not None and hook.SCHEME == "path",
        "by_google": hook is not None and hook.SCHEME == "google",
        "deliveries": [(one, (one.result or {}).get("reasons", [])) for one in deliveries],
        "looks": looks,
        "form": SampleForm(),
        "now": timezone.now(),
        "may_change": person(request).is_admin,
        **more,
    }
    return render_page(request, "scanning/webhook_detail.html", context, part, status=status)


def settings_of(source: WebhookSource, hook: Hook | None, secret: str) -> tuple[tuple[str, str], ...]:
    """What to enter at the sender; the secret stands in it only right after it was made."""
    if hook is None:
        return ()
    word = secret or HIDDEN
    found = hook.settings(source.address(word if hook.SCHEME == "path" else ""), word)
    return tuple((label, text.replace("SERVICE_ACCOUNT", source.account)) for label, text in found)


@require_GET
def webhook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What to enter, what came, what is looked at."""
    return show(request, get_object_or_404(sources(request), pk=pk))


@require_POST
def webhook_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret, shown once."""
    source = get_object_or_404(sources(request), pk=pk)
    secret = change_secret(person(request), source)
    source.refresh_from_db()
    return show(request, source, 201, secret=secret)


@require_POST
def webhook_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Take its events, or no longer."""
    source = get_object_or_404(sources(request), pk=pk)
    switch(person(request), source, request.POST.get("on") == "true")
    return redirect("webhooks:webhook_detail", pk=source.pk)


@require_POST
def webhook_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove it; what it sent stays."""
    source = get_object_or_404(sources(request), pk=pk)
    remove_source(person(request), source)
    messages.success(request, f"The source {source} is removed; what it sent stays among the deliveries.")
    return redirect("webhooks:webhook_list")


@require_POST
def webhook_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an event as the sender would, by the same road."""
    source, form = get_object_or_404(sources(request), pk=pk), SampleForm(request.POST)
    if form.is_valid():
        try:
            delivery = send_sample(person(request), source, form.cleaned_data["reference"])
        except ValidationError as error:
            form.refuse(error)
        except NoKey as error:
            form.refuse(ValidationError(str(error)))
        else:
            messages.success(request, f"The test event was taken as delivery {delivery}.")
            return done(request, reverse("webhooks:webhook_detail", args=[source.pk]))
    return show(request, source, 422, part="test", form=form)
