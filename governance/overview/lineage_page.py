"""The lineage tab with its form: a person states the base, or takes the statement back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from governance.accounts.views import person
from governance.images.correction import correct_base, revoke_correction
from governance.overview.image_page import ImagePage
from governance.overview.lineage_tabs import BaseForm
from governance.web.views import back, done

SOON = "Its findings are compared anew within half a minute."


class LineagePage(ImagePage):
    """Everybody who sees the image sees its lineage; editors of its teams, and administrators, correct it."""

    tab = "lineage"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """State it, or with `revoke` take it back."""
        image, viewer = self.find(pk), person(request)
        target = back(request, reverse("images:image_lineage", args=[image.pk]))
        if "revoke" in request.POST:
            if revoke_correction(viewer, image, request.POST.get("reason", "").strip()[:500]):
                messages.success(request, f"The statement is taken back. {SOON}")
            return done(request, target)
        form = BaseForm(request.POST)
        if form.is_valid():
            try:
                edge = correct_base(viewer, image, form.cleaned_data["base"], form.cleaned_data["reason"])
            except ValidationError as error:
                form.refuse(error)
            else:
                named = edge.base or edge.name or ("a digest that nobody knows" if edge.digest else "nothing")
                messages.success(request, f"Built on {named}, as you say. {SOON}")
                return done(request, target)
        self.form = form
        return self.show(image, 422, "correct")
