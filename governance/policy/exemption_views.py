"""Exemptions: the list, the form that a finding leads to, one with its decision, and OpenVEX to take away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views import View

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import edited_teams
from governance.images.models import Image, Repository
from governance.policy.exempting import images_concerned
from governance.policy.exemption_filters import SOON, ExemptionFilterSet
from governance.policy.exemption_forms import AskForm, DecideForm, RevokeForm
from governance.policy.exemptions import ask_exemption, decide, may_ask, may_decide, revoke
from governance.policy.models_exemption import Exemption
from governance.policy.vex import document_of, images_of
from governance.web.keyset import Page, bounded_count
from governance.web.views import ListPage, done, render_page

LOOKS = {"granted": "pass", "requested": "open", "expired": "warn", "declined": "failed", "revoked": "failed"}
SHOWN = 50


def with_scope(rows: QuerySet[Exemption]) -> QuerySet[Exemption]:
    """With all that its words name."""
    return rows.select_related("image", "repository__registry", "team", "owner", "proposer")


def asks(viewer: Any) -> bool:
    """Whether there is anything that they may ask for."""
    theirs = edited_teams(viewer)
    return theirs is None or bool(theirs)


class ExemptionList(ListPage):
    """What is set aside and by whom, what ends next first."""

    template_name = "exemptions/exemption_list.html"
    filterset = ExemptionFilterSet
    orders: dict[str, tuple[str, ...]] = {"end": ("expires_on", "id"), "newest": ("-id",)}
    order_words: tuple[str, ...] = ("Ends first", "Newest first")

    def queryset(self) -> QuerySet[Exemption]:
        """What the viewer may see."""
        return with_scope(Exemption.objects.visible_to(viewer_of(self.request)))

    def beside(self, page: Page) -> dict[str, Any]:
        """How each stands today."""
        today = timezone.now().date()
        shown = []
        for row in page.rows:
            stands = row.stands_on(today)
            label = "Expired" if stands == "expired" else row.get_state_display()
            soon = stands == "granted" and row.expires_on <= today + SOON
            shown.append({"row": row, "look": LOOKS[stands], "label": label, "soon": soon})
        return {"shown": shown, "may_ask": asks(viewer_of(self.request))}


class ExemptionDetail(View):
    """One exemption: what it says, what it hides, and the forms that decide."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page."""
        return self.page(request, found(request, pk))

    def page(self, request: HttpRequest, row: Exemption, status: int = 200, **forms: Any) -> HttpResponse:
        """The page with its forms, also after one of them was sent."""
        viewer, today = viewer_of(request), timezone.now().date()
        stands = row.stands_on(today)
        concerned = images_concerned(row)
        seen = concerned.filter(pk__in=Image.objects.visible_to(viewer).values("pk")).select_related(
            "repository__registry"
        )
        context = {
            "row": row,
            "look": LOOKS[stands],
            "label": "Expired" if stands == "expired" else row.get_state_display(),
            "images": list(seen.order_by("-rank", "-pk").distinct()[:SHOWN]),
            "everybody": bounded_count(concerned.distinct()),
            "running": concerned.filter(running__gt=0).distinct().count(),
            "may_decide": row.state == "requested" and may_decide(viewer, row),
            "may_revoke": stands in ("granted", "requested") and (may_decide(viewer, row) or may_ask(viewer, row)),
            "decide_form": forms.get("decide_form") or DecideForm(),
            "revoke_form": forms.get("revoke_form") or RevokeForm(),
        }
        part = "decide" if "decide_form" in forms else "revoke"
        return render_page(request, "exemptions/exemption_detail.html", context, part, status=status)


class Decide(ExemptionDetail):
    """Grant or decline."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Decide, or say beside the form what is wrong."""
        row, form = found(request, pk), DecideForm(request.POST)
        grant = request.POST.get("do") == "grant"
        if form.is_valid():
            try:
                decide(viewer_of(request), row, grant, form.cleaned_data["answer"])
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Granted. It ends by itself." if grant else "Declined.")
                return done(request, reverse("exemptions:exemption_detail", args=[pk]))
        return self.page(request, row, 422, decide_form=form)


class Revoke(ExemptionDetail):
    """End it before its day."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End it, or say beside the form what is wrong."""
        row, form = found(request, pk), RevokeForm(request.POST)
        if form.is_valid():
            try:
                revoke(viewer_of(request), row, form.cleaned_data["answer"])
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Ended: its findings count again.")
                return done(request, reverse("exemptions:exemption_detail", args=[pk]))
        return self.page(request, row, 422, revoke_form=form)


class Ask(View):
    """Ask for one; `?image=`, `?vulnerability=` and `?package=` begin with a finding."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        start = {name: request.GET.get(name, "")[:300] for name in ("vulnerability", "package", "image")}
        about = self.image(request, start["image"])
        form = AskForm(viewer=viewer_of(request), about=about, initial={**start, "image": about.pk if about else None})
        return self.page(request, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
        about = self.image(request, request.POST.get("image", ""))
        form = AskForm(request.POST, viewer=viewer_of(request), about=about)
        if form.is_valid():
            try:
                row = ask_exemption(viewer_of(request), form.wanted())
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Asked for. Nothing is set aside before it is granted.")
                return done(request, reverse("exemptions:exemption_detail", args=[row.pk]))
        return self.page(request, form, 422)

    def image(self, request: HttpRequest, text: str) -> Image | None:
        """The image that it began with, where the viewer sees it."""
        if not text.isdecimal() or len(text) > 18:
            return None
        rows = Image.objects.present().visible_to(viewer_of(request))
        return rows.select_related("repository__registry", "base__repository__registry").filter(pk=int(text)).first()

    def page(self, request: HttpRequest, form: AskForm, status: int = 200) -> HttpResponse:
        """The form alone."""
        if not asks(viewer_of(request)):
            raise PermissionDenied("only editors of a team ask for exemptions, and administrators")
        context = {"form": form, "about": form.about}
        return render_page(request, "exemptions/exemption_form.html", context, "form", status=status)


def openvex(request: HttpRequest) -> HttpResponse:
    """What was decided of an image, or of all that a repository's tags name now, as an OpenVEX document."""
    return download(viewer_of(request), request.GET.get("image", ""), request.GET.get("repository", ""))


def download(viewer: Any, image: str, repository: str) -> HttpResponse:
    """The document as a file; Http404 for what is not the viewer's to see."""
    if image.isdecimal() and len(image) < 19:
        rows = Image.objects.present().visible_to(viewer).select_related("finding_set")
        body, name = document_of([get_object_or_404(rows, pk=int(image))]), f"image-{image}"
    elif repository.isdecimal() and len(repository) < 19:
        home = get_object_or_404(Repository.objects.visible_to(viewer).select_related("registry"), pk=int(repository))
        body, name = document_of(images_of(home), home), f"repository-{repository}"
    else:
        raise Http404
    disposition = f'attachment; filename="{name}.openvex.json"'
    return HttpResponse(body, content_type="application/json", headers={"Content-Disposition": disposition})


def found(request: HttpRequest, pk: int) -> Exemption:
    """One that the viewer may see, else 404."""
    return get_object_or_404(with_scope(Exemption.objects.visible_to(viewer_of(request))), pk=pk)
