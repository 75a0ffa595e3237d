"""Who may push to a registry, and whether copies of bases are kept there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.views import person
from governance.approvals.copies import current_place
from governance.web.forms import HouseForm, secret_field
from governance.web.views import done, render_page
from scanning.connections import only_administrators
from scanning.models import Connection
from scanning.models_copies import PushAccess
from scanning.pushing import save_push, stop_push
from scanning.registry_views import visible

CHECK = {"class": "form-check-input"}


class AccessForm(HouseForm):
    """The account that writes, and what for."""

    username = forms.CharField(max_length=200, required=False, label="User that may push")
    secret = secret_field(
        "Stored encrypted and never shown again. Empty: as it is; without any, that for reading is used."
    )
    keeps = forms.BooleanField(
        required=False, label="Keep copies of approved bases here", widget=forms.CheckboxInput(CHECK)
    )
    path = forms.CharField(
        max_length=120,
        required=False,
        help_text="Copies go below it, as in kept/docker.io/library/alpine. In Harbor and the like: a project.",
    )
    automatic = forms.BooleanField(
        required=False,
        initial=True,
        label="Copy every version of an approved base by itself",
        widget=forms.CheckboxInput(CHECK),
    )


class PushForm(View):
    """The form."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """As it is."""
        row = self.find(request, pk)
        return self.page(request, row, AccessForm(initial=start_of(row)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save it."""
        row, form = self.find(request, pk), AccessForm(request.POST)
        if form.is_valid():
            said = {name: value for name, value in form.cleaned_data.items() if name != "secret"}
            try:
                save_push(person(request), row, said, form.cleaned_data["secret"] or None)
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Saved. Copies are made one after the other, from the next minute on.")
                return done(request, reverse("registries:registry_detail", args=[row.pk]))
        return self.page(request, row, form, 422)

    def find(self, request: HttpRequest, pk: int) -> Connection:
        """For administrators."""
        row = get_object_or_404(visible(request), pk=pk)
        only_administrators(person(request))
        return row

    def page(self, request: HttpRequest, row: Connection, form: AccessForm, status: int = 200) -> HttpResponse:
        """The form alone."""
        place = current_place()
        context = {
            "row": row,
            "form": form,
            "access": PushAccess.objects.filter(connection=row).first(),
            "place": place if place and place.registry_id != row.registry_id else None,
        }
        return render_page(request, "registries/registry_push.html", context, "form", status=status)


def start_of(row: Connection) -> dict[str, Any]:
    """What is set."""
    access, place = PushAccess.objects.filter(connection=row).first(), current_place()
    here = place if place and place.registry_id == row.registry_id else None
    return {
        "username": access.username if access else "",
        "keeps": here is not None,
        "path": here.path if here else "kept",
        "automatic": here.is_automatic if here else True,
    }


@require_POST
def push_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Nothing is written there any more."""
    row = get_object_or_404(visible(request), pk=pk)
    stop_push(person(request), row)
    messages.success(request, "Nothing is written there any more; what is kept there stays.")
    return done(request, reverse("registries:registry_detail", args=[row.pk]))
