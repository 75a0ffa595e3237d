"""One repository: whose it is, and the form that gives it to another team."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View

from governance.accounts.models import Team, Token
from governance.accounts.views import person
from governance.findings.handover import hand_over
from governance.images.models import Repository, Tag
from governance.web.forms import HouseForm
from governance.web.keyset import bounded_count
from governance.web.views import done, render_page


class OwnerForm(HouseForm):
    """Which team, and why."""

    owner = forms.ModelChoiceField(Team.objects.order_by("name"), required=False, empty_label="Nobody")
    reason = forms.CharField(max_length=500, required=False, help_text="For the audit trail; may be empty.")


class RepositoryPage(View):
    """Everybody who sees the repository sees whose it is; administrators change that."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page."""
        row = self.find(request, pk)
        return self.page(request, row, OwnerForm(initial={"owner": row.owner_id}))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give it away."""
        row, form = self.find(request, pk), OwnerForm(request.POST)
        if not person(request).is_admin:
            raise PermissionDenied("only administrators say whose a repository is")
        if not form.is_valid():
            return self.page(request, row, form, 422)
        owner = form.cleaned_data["owner"]
        moved = hand_over(person(request), row, owner, form.cleaned_data["reason"])
        whose = f"{row} belongs to {owner or 'nobody'}"
        images = f" now, with {moved} image{'' if moved == 1 else 's'}" if moved is not None else " already"
        messages.success(request, f"{whose}{images}.")
        return done(request, reverse("images:repository_detail", args=[row.pk]))

    def find(self, request: HttpRequest, pk: int) -> Repository:
        """Among what the viewer may see."""
        rows = Repository.objects.visible_to(person(request)).select_related("registry", "owner")
        return get_object_or_404(rows, pk=pk)

    def page(self, request: HttpRequest, row: Repository, form: OwnerForm, status: int = 200) -> HttpResponse:
        """Facts, and what a change of owner would move."""
        images, exact = bounded_count(row.placements.all())
        context = {
            "row": row,
            "form": form,
            "images": images,
            "exact": exact,
            "tags": bounded_count(Tag.objects.filter(repository=row, until=None))[0],
            "tokens": Token.objects.usable().filter(team=row.owner).count() if row.owner else 0,
            "may_give": person(request).is_admin,
        }
        return render_page(request, "images/repository_detail.html", context, "owner", status=status)
