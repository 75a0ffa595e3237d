"""The approved list: what counts, what is asked for, one entry with its life, and the forms."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views import View

from governance.accounts.models import User
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.approvals.describe import described, facts_of, life_of, stepper_of
from governance.approvals.enforcers import ENFORCERS
from governance.approvals.facts import ground_of
from governance.approvals.filters import ApprovedFilterSet, RequestFilterSet
from governance.approvals.forms import CommentForm, RequestForm, StepForm, TermsForm
from governance.approvals.life import (
    EDITABLE,
    STEPS,
    Step,
    comment_on,
    edit_base,
    may_ask,
    may_decide,
    request_base,
    take_step,
)
from governance.approvals.models import ApprovedBase, UpstreamAlarm, Watch
from governance.approvals.standing import columns_of
from governance.approvals.users import users_of
from governance.images.models import Image
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page


class BaseList(ListPage):
    """What counts today, by family."""

    template_name = "approvals/base_list.html"
    filterset: type[Any] = ApprovedFilterSet
    orders: dict[str, tuple[str, ...]] = {"family": ("family", "name", "id"), "newest": ("-id",)}
    order_words: tuple[str, ...] = ("Family", "Newest first")

    def queryset(self) -> QuerySet[ApprovedBase]:
        """What the viewer may see."""
        return ApprovedBase.objects.visible_to(viewer_of(self.request)).select_related("owner", "asked_by")

    def beside(self, page: Page) -> dict[str, Any]:
        """How each row stands today, and how many images of the viewer's use it."""
        viewer = viewer_of(self.request)
        ground = ground_of(page.rows)
        users = users_of(page.rows, viewer, ground=ground) if page.rows else {}
        waiting = self.queryset().filter(state__in=ApprovedBase.OPEN)
        alarms = UpstreamAlarm.objects.filter(watch__in=Watch.objects.visible_to(viewer), ended_at=None)
        return {
            "shown": [described(row, users[row.pk], timezone.now().date()) for row in page.rows],
            "columns": columns_of(page.rows, users, viewer, ground) if page.rows else {},
            "may_ask": may_ask(viewer),
            "sees_all": teams_of(viewer) is None,
            **_counts(waiting=waiting, alarms=alarms),
            "documents": [(one.TITLE, one.NAME) for one in ENFORCERS],
        }


def _counts(**lists: QuerySet[Any]) -> dict[str, int]:
    """How many rows each has, in one statement."""
    first, *others = [
        rows.order_by().annotate(list=Value(name)).values_list("list").annotate(Count("pk"))
        for name, rows in lists.items()
    ]
    return dict.fromkeys(lists, 0) | dict(first.union(*others, all=True))


class RequestList(BaseList):
    """What waits for a decision, the oldest first; all images that use it are counted, whosesoever they are."""

    template_name = "approvals/request_list.html"
    filterset = RequestFilterSet
    orders = {"oldest": ("id",)}
    order_words = ("Oldest first",)

    def queryset(self) -> QuerySet[ApprovedBase]:
        """What the viewer may see of what is open."""
        return super().queryset().filter(state__in=ApprovedBase.OPEN)

    def beside(self, page: Page) -> dict[str, Any]:
        """Reviewers have to know how many images are built on it already."""
        users = users_of(page.rows, None) if page.rows else {}
        return {"shown": [described(row, users[row.pk], timezone.now().date()) for row in page.rows]}


class BaseDetail(View):
    """One entry: its life, its terms, its versions, who uses it and what breaks if it is banned."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page."""
        return self.page(request, found(request, pk))

    def page(self, request: HttpRequest, entry: ApprovedBase, status: int = 200, **forms: Any) -> HttpResponse:
        """The page with its forms, also after one of them was sent."""
        viewer = viewer_of(request)
        decides = may_decide(viewer, entry)
        today, life = timezone.now().date(), life_of(entry)
        context = {
            "entry": entry,
            **facts_of(entry, viewer, decides, today),
            "life": life,
            "stepper": stepper_of(entry, life, today),
            "may_decide": decides and bool(STEPS[entry.state]),
            "may_edit": decides and entry.state in ApprovedBase.OPEN,
            "may_comment": may_ask(viewer),
            "step_form": forms.get("step_form") or StepForm(entry=entry),
            "comment_form": forms.get("comment_form") or CommentForm(),
        }
        part = "decide" if "step_form" in forms else "say"
        return render_page(request, "approvals/base_detail.html", context, part, status=status)


class TakeStep(BaseDetail):
    """A decision."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the step, or say beside the form what is wrong."""
        entry = found(request, pk)
        if not may_decide(viewer_of(request), entry):
            raise PermissionDenied("only administrators, and those of the team that owns the entry, decide on it")
        form = StepForm(request.POST, entry=entry)
        if form.is_valid():
            try:
                take_step(viewer_of(request), entry, Step(**form.cleaned_data))
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Decided. It is written into the entry's life.")
                return done(request, reverse("approved:base_detail", args=[pk]))
        return self.page(request, entry, 422, step_form=form)


class SayComment(BaseDetail):
    """A comment."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Keep it."""
        entry = found(request, pk)
        form = CommentForm(request.POST)
        if form.is_valid():
            comment_on(viewer_of(request), entry, form.cleaned_data["comment"])
            return done(request, reverse("approved:base_detail", args=[pk]))
        return self.page(request, entry, 422, comment_form=form)


class RequestNew(View):
    """Ask for a base; `?image=` begins with one that is known."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        asker = person(request)
        image = request.GET.get("image", "")
        known = None
        if image.isdecimal() and len(image) < 19:
            known = Image.objects.present().visible_to(asker).filter(pk=int(image)).first()
        start = {"base": known.reference if known else "", "outdated_days": 30}
        return self.page(request, RequestForm(asker=asker, initial=start))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
        form = RequestForm(request.POST, asker=person(request))
        if form.is_valid():
            try:
                entry = request_base(person(request), **form.cleaned_data)
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Asked for. The reviewers see it in their queue.")
                return done(request, reverse("approved:base_detail", args=[entry.pk]))
        return self.page(request, form, 422)

    def page(self, request: HttpRequest, form: RequestForm, status: int = 200) -> HttpResponse:
        """The form alone."""
        if not may_ask(viewer_of(request)):
            raise PermissionDenied("only members of a team ask for bases")
        context = {"form": form, "entry": None, "title": "Ask for a base"}
        return render_page(request, "approvals/base_form.html", context, "form", status=status)


class RequestEdit(View):
    """Mend what is asked for, before it is decided."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form with what is asked for."""
        entry = self.entry(request, pk)
        start = {name: getattr(entry, name) for name in (*EDITABLE, "pattern")}
        start["platforms"] = ", ".join(entry.platforms)
        return self.page(request, entry, TermsForm(initial=start))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save it."""
        entry = self.entry(request, pk)
        form = TermsForm(request.POST)
        if form.is_valid():
            try:
                edit_base(viewer_of(request), entry, **form.cleaned_data)
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Saved. Where two persons are needed, somebody else approves it now.")
                return done(request, reverse("approved:base_detail", args=[pk]))
        return self.page(request, entry, form, 422)

    def entry(self, request: HttpRequest, pk: int) -> ApprovedBase:
        """For who may decide on it."""
        entry = found(request, pk)
        if not may_decide(viewer_of(request), entry):
            raise PermissionDenied("only administrators, and those of the team that owns the entry, change it")
        return entry

    def page(self, request: HttpRequest, entry: ApprovedBase, form: TermsForm, status: int = 200) -> HttpResponse:
        """The form alone."""
        context = {"form": form, "entry": entry, "title": f"Change {entry}"}
        return render_page(request, "approvals/base_form.html", context, "form", status=status)


def found(request: HttpRequest, pk: int) -> ApprovedBase:
    """An entry that the viewer may see, else 404."""
    rows = ApprovedBase.objects.visible_to(viewer_of(request)).select_related("owner", "asked_by", "proposer")
    rows = rows.with_life()
    return get_object_or_404(rows, pk=pk)


def person(request: HttpRequest) -> User:
    """The person who is signed in (pages are for people only)."""
    viewer = viewer_of(request)
    if not isinstance(viewer, User):
        raise PermissionDenied("sign in first")
    return viewer
