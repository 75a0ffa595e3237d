"""The mail itself: subject, HTML with the look written into its elements, and the same as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse

from governance.briefings.models import Briefing, Line, Subscription
from governance.web.templatetags.portwarden import readable

SALT = "portwarden.briefings.unsubscribe"
SHEET = Path("static") / "mail.css"


def write(briefing: Briefing, subscription: Subscription, lines: Sequence[Line]) -> None:
    """Fill in subject, html and text; `lines` are those that the mail shows. What nobody gets has a subject only."""
    briefing.subject = subject_of(briefing, subscription)
    if briefing.state == Briefing.State.QUIET:
        return
    context = context_of(briefing, subscription, lines)
    briefing.html = inlined(render_to_string("mail/briefing.html", context))
    briefing.text = render_to_string("mail/briefing.txt", context)


def subject_of(briefing: Briefing, subscription: Subscription) -> str:
    """What changed, and for whom; one line, whatever a team is called."""
    day = briefing.slot.astimezone(subscription.zone).strftime("%-d %B")
    if briefing.since is None:
        what = "what there is"
    elif briefing.changes:
        what = f"{briefing.changes:,} change{'' if briefing.changes == 1 else 's'}"
    else:
        what = "nothing new"
    return readable(f"Container images of {subscription.about}: {what}, {day}", 200)


def context_of(briefing: Briefing, subscription: Subscription, lines: Sequence[Line]) -> dict[str, Any]:
    """What both parts are made of."""
    base = settings.BASE_URL
    return {
        "briefing": briefing,
        "subscription": subscription,
        # In words, because templates would turn them into the server's clock.
        "since": f"{briefing.since.astimezone(subscription.zone):%A, %-d %B %Y, %H:%M}" if briefing.since else "",
        "numbers": [
            {"words": words, "amount": amount, "share": share, "before": before, "address": base + address}
            for words, amount, share, before, address in briefing.numbers
        ],
        "lines": [{"words": line.words, "section": line.section, "address": base + line.address} for line in lines],
        "archive": base + reverse("digests:digest_detail", args=[briefing.pk]),
        "settings": base + reverse("digests:subscription"),
        "unsubscribe": base + unsubscribe_path(subscription),
    }


def inlined(html: str) -> str:
    """The look in every element; what depends on the reader's theme or width stays a style sheet in the head."""
    return inliner().inline(html)


@cache
def inliner() -> css_inline.CSSInliner:
    """Writes in the mail's style sheet, the same that the preview uses; fetches nothing."""
    sheet = (settings.ROOT / SHEET).read_text()
    return css_inline.CSSInliner(extra_css=sheet, load_remote_stylesheets=False, keep_at_rules=True)


def unsubscribe_path(subscription: Subscription) -> str:
    """Ends the subscription for whoever has the mail, and can do nothing else; does not expire."""
    return reverse("digests:unsubscribe", args=[signing.Signer(salt=SALT).sign(str(subscription.pk))])


def subscription_of(token: str) -> Subscription | None:
    """Whose token that is; None for one that we did not make."""
    try:
        pk = signing.Signer(salt=SALT).unsign(token)
    except signing.BadSignature:
        return None
    return Subscription.objects.select_related("person", "team").filter(pk=int(pk)).first()
