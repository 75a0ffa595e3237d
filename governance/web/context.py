"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from governance.web.request import REQUEST
from governance.web.views import THEMES

# (URL name, words, icon), in the order of the work; only what exists. A page is the one where the URL's name begins
# as far as its underscore: `images:image_layers` is at Images.
PAGES: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("", (("overview:start", "Start", "start"),)),
    ("", (("images:image_list", "Images", "image"),)),
    ("", (("bases:base_list", "Base images", "base"),)),
    ("", (("findings:vulnerability_list", "Vulnerabilities", "bug"),)),
    ("", (("workloads:workload_list", "Workloads", "workload"),)),
    ("", (("approved:base_list", "Approved list", "approved"),)),
    ("", (("exemptions:exemption_list", "Exemptions", "exempt"),)),
    ("", (("policies:policy_list", "Policies", "policy"),)),
    ("", (("runtime:posture_list", "Posture", "posture"),)),
    ("", (("digests:digest_list", "Digests", "mail"),)),
    (
        "Sources",
        (
            ("sources:source_list", "Coverage", "coverage"),
            ("registries:registry_list", "Registries", "registry"),
            ("workloads:agent_list", "Agents", "agent"),
            ("scanning:delivery_list", "Deliveries", "inbox"),
            ("webhooks:webhook_list", "Webhooks", "hook"),
            ("feeds:feed_list", "Feeds", "feed"),
            ("vex:statement_list", "VEX", "vex"),
        ),
    ),
    (
        "Administration",
        (
            ("teams:team_list", "Teams", "team"),
            ("accounts:person_list", "People", "people"),
            ("accounts:token_list", "Tokens", "key"),
        ),
    ),
)
# Pages whose name does not tell where they are.
ELSEWHERE = {
    "policies:decision_list": "policies:policy",
    "approved:request_list": "approved:base",
    **dict.fromkeys(("approved:retention", "approved:rule_new", "approved:rule_edit"), "approved:base"),
    "approved:run_detail": "approved:base",
    **dict.fromkeys(("approved:alarm_list", "approved:watch_list", "approved:copy_list"), "approved:base"),
    **dict.fromkeys(("approved:copy_detail", "approved:copy_restore", "approved:copy_let_go"), "approved:base"),
    "images:repository_detail": "images:image",
    "images:repository_list": "images:image",
    "teams:rule_list": "teams:team",
    "bases:unknown": "bases:base",
    "bases:compare": "bases:base",
    "digests:subscription": "digests:digest",
    "digests:reader_list": "digests:digest",
    "digests:channel_list": "digests:digest",
    "scanning:format_list": "scanning:delivery",
    "scanning:scan_list": "scanning:delivery",
    "teams:member_add": "teams:team",
    "teams:member_role": "teams:team",
}
# Only for those who see everything.
RESTRICTED = {"accounts:person_list", "registries:registry_list", "webhooks:webhook_list"}


def here(name: str) -> str:
    """Where in the sidebar a page is."""
    return ELSEWHERE.get(name, name.rpartition("_")[0] or name)


def sidebar(request: HttpRequest) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """[(heading, [(place, URL name, words, icon)])] of what the person may open."""
    sees_everything = getattr(getattr(request, "user", None), "sees_everything", False)
    return [
        (
            heading,
            [
                (here(name), name, words, icon)
                for name, words, icon in pages
                if sees_everything or name not in RESTRICTED
            ],
        )
        for heading, pages in PAGES
    ]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Names for base.html. The figures in the frame come from template tags, which parts alone never reach."""
    theme = request.COOKIES.get("theme", "auto")
    match = request.resolver_match
    return {
        "theme": theme if theme in THEMES else "auto",
        # Asked only by the frame: the pages that say that the database is away must not need it.
        "sidebar": lambda: sidebar(request),
        "here": here(match.view_name if match else ""),
        "asked": request.GET.get("q", "") if match and match.namespace == "images" else "",
        "team": request.GET.get("team", ""),
        "base_url": settings.BASE_URL,
        "request_id": REQUEST.get()[0],
    }
