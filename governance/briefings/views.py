"""Digests: the archive, one digest, one's own subscription, who gets them, and the way out of a mail."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.forms import teams_for
from governance.accounts.permissions import viewer_of
from governance.accounts.views import person
from governance.briefings.filters import BriefingFilterSet, LineFilterSet, ReaderFilterSet
from governance.briefings.forms import MailboxForm, WishForm, timezones
from governance.briefings.models import Briefing, Line, Subscription
from governance.briefings.services import preview, subscribe, subscribe_address, unsubscribe
from governance.briefings.write import context_of, subscription_of
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page


class DigestList(ListPage):
    """Every digest that the viewer may read, the newest first."""

    template_name = "briefings/digest_list.html"
    filterset = BriefingFilterSet
    orders = {"newest": ("-slot", "-id")}

    def queryset(self) -> QuerySet[Briefing]:
        """Start from what the viewer may see; a list needs no mails."""
        rows = Briefing.objects.visible_to(viewer_of(self.request)).defer("html", "text", "seen")
        return rows.select_related("subscription__person", "subscription__team")

    def beside(self, page: Page) -> dict[str, Any]:
        """One's own subscription, for what the page offers."""
        viewer = person(self.request)
        return {
            "mine": Subscription.objects.filter(person=viewer).first(),
            "may_add": viewer.is_admin or teams_for(viewer).exists(),
        }


class DigestDetail(ListPage):
    """One digest: its changes, each with its link, and how it was delivered."""

    template_name = "briefings/digest_detail.html"
    filterset = LineFilterSet
    orders = {"worst": ("place",)}
    order_words = ("Worst first",)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:  # type: ignore[override]
        """The lines."""
        return self.show(request)

    @cached_property
    def briefing(self) -> Briefing:
        """The digest, or 404."""
        rows = Briefing.objects.visible_to(viewer_of(self.request)).defer("html", "seen")
        return get_object_or_404(
            rows.select_related("subscription__person", "subscription__team"), pk=self.kwargs["pk"]
        )

    def queryset(self) -> QuerySet[Line]:
        """Its lines."""
        return self.briefing.lines.all()

    def beside(self, page: Page) -> dict[str, Any]:
        """The digest itself, and its numbers."""
        names = ("words", "amount", "share", "before", "address")
        numbers = [dict(zip(names, row, strict=True)) for row in self.briefing.numbers]
        return {"briefing": self.briefing, "numbers": numbers}


@require_GET
def digest_mail(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as a browser shows it."""
    rows = Briefing.objects.visible_to(person(request)).select_related("subscription__person", "subscription__team")
    briefing = get_object_or_404(rows, pk=pk)
    lines = list(briefing.lines.filter(is_folded=False).order_by("place"))
    return mail_page(request, context_of(briefing, briefing.subscription, lines))


@require_GET
def digest_preview(request: HttpRequest, pk: int = 0) -> HttpResponse:
    """What one's own digest, or that of a mailbox, would say now."""
    viewer = person(request)
    rows = Subscription.objects.visible_to(viewer).select_related("person", "team")
    if pk:
        subscription = get_object_or_404(rows, pk=pk)
    else:
        subscription = rows.filter(person=viewer).first() or Subscription(person=viewer)
    briefing, context = preview(subscription)
    if briefing is None:
        raise Http404
    return mail_page(request, context)


def mail_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The mail's template with its style sheet linked; its way out is another reader's, so it leads nowhere."""
    return render(request, "mail/briefing.html", {**context, "preview": True, "unsubscribe": "#"})


class OwnSubscription(View):
    """When one gets the digest, and whether."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        row = Subscription.objects.filter(person=person(request)).first()
        return self.page(request, WishForm(initial=row.__dict__ if row else None), row)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take it, change it or end it (`stop`)."""
        viewer = person(request)
        row = Subscription.objects.filter(person=viewer).first()
        if request.POST.get("stop") and row:
            unsubscribe(row, viewer)
            messages.success(request, "You get no more digests.")
            return done(request, reverse("digests:subscription"))
        form = WishForm(request.POST)
        if form.is_valid():
            try:
                row = subscribe(viewer, form.wish())
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(
                    request, f"The next digest comes on {row.next_at.astimezone(row.zone):%A, %-d %B, %H:%M}."
                )
                return done(request, reverse("digests:subscription"))
        return self.page(request, form, row, 422)

    def page(self, request: HttpRequest, form: WishForm, row: Subscription | None, status: int = 200) -> HttpResponse:
        """The form, and what holds now."""
        context = {"form": form, "row": row, "zones": timezones()}
        return render_page(request, "briefings/subscription.html", context, "wish", status=status)


class ReaderList(ListPage):
    """Who gets digests, and the form for a mailbox."""

    template_name = "briefings/reader_list.html"
    filterset = ReaderFilterSet
    orders = {"next": ("next_at", "id"), "newest": ("-id",)}
    order_words = ("Next first", "Newest")

    def queryset(self) -> QuerySet[Subscription]:
        """What the viewer may see."""
        rows = Subscription.objects.visible_to(viewer_of(self.request))
        return rows.select_related("person", "team")

    def beside(self, page: Page) -> dict[str, Any]:
        """The last digest of each, which may change them, and the form."""
        viewer = person(self.request)
        ids = [row.pk for row in page.rows]
        last = Briefing.objects.filter(subscription__in=ids).order_by("subscription", "-slot").distinct("subscription")
        may_add = viewer.is_admin or teams_for(viewer).exists()
        return {
            "last": {row.subscription_id: row for row in last.defer("html", "text", "seen")} if ids else {},
            "changeable": {row.pk for row in page.rows if row.may_change(viewer)},
            "form": MailboxForm(viewer=viewer) if may_add else None,
            "zones": timezones(),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Add a mailbox, or change when it gets its digest."""
        viewer = person(request)
        if not viewer.is_admin and not teams_for(viewer).exists():
            raise PermissionDenied("only administrators, and a team's own for its mailbox, subscribe an address")
        form = MailboxForm(request.POST, viewer=viewer)
        if form.is_valid():
            said = form.cleaned_data
            try:
                row = subscribe_address(viewer, said["address"], said["team"], form.wish())
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, f"{row.address} gets the digest of {row.about}.")
                return done(request, reverse("digests:reader_list"))
        return self.show(request, 422, "new", form=form)


@require_POST
def reader_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """No more digests for a mailbox, or for oneself."""
    viewer = person(request)
    row = get_object_or_404(Subscription.objects.visible_to(viewer), pk=pk)
    unsubscribe(row, viewer)
    messages.success(request, f"{row} gets no more digests.")
    return done(request, reverse("digests:reader_list"))


@csrf_exempt
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """The way out of a mail: a page with a button, or at once where a mail program posts to it (RFC 8058).

    No sign-in and no CSRF token: the address itself proves that one has the mail, and it can do nothing else.
    """
    row = subscription_of(token)
    if row is None:
        raise Http404
    if request.method == "POST":
        unsubscribe(row)
        row.refresh_from_db()
    return render(request, "briefings/leave.html", {"row": row})
