"""Every route by every identity. A route without a row fails.

The thing asked for belongs to team shop; the stranger administers another team.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from governance.accounts.models import Team, Token, User
from governance.approvals.life import request_base
from governance.approvals.models import KeptCopy, RetentionRule, UpstreamAlarm, Watch
from governance.approvals.retention import ask_run, pin, save_rule
from governance.briefings.models import Channel, Subscription
from governance.briefings.services import Wish, brief, subscribe_address
from governance.briefings.write import unsubscribe_path
from governance.findings.models import Advisory, Source
from governance.findings.models_vex import VexStatement
from governance.images.models import Image, OwnerRule, Registry
from governance.policy.document import read_policy
from governance.policy.exemptions import Wanted as WantedExemption
from governance.policy.exemptions import ask_exemption
from governance.policy.services import save_policy
from scanning.connections import save_connection
from scanning.models import Delivery
from scanning.webhook_sources import Wanted, add_source
from tests.conftest import Machine
from tests.make import deliver, make_image, make_run, make_running, make_statement, make_token, make_user, make_vex

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "viewer", "stranger", "admin", "auditor")
TOKENS = ("ingest", "read", "agent", "admin token", "team read", "other read", "other ingest")


@dataclass(frozen=True)
class Row:
    """What each identity gets; `named` is how the URL is filled in."""

    expected: dict[str, int]
    method: str = "get"
    named: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def page(**special: int) -> dict[str, int]:
    """A page: for every person who signed in. Tokens do not sign in."""
    usual = dict.fromkeys(PEOPLE, 200) | {"anonymous": 302} | dict.fromkeys(TOKENS, 302)
    return usual | {name.replace("_", " "): status for name, status in special.items()}


def api(scopes: tuple[str, ...], **special: int) -> dict[str, int]:
    """An endpoint: for people with their own rights, for tokens of these scopes."""
    usual = dict.fromkeys(PEOPLE, 200) | {"anonymous": 401}
    usual |= {name: 200 if name in scopes else 403 for name in TOKENS}
    return usual | {name.replace("_", " "): status for name, status in special.items()}


def everyone(status: int) -> dict[str, int]:
    return dict.fromkeys((*PEOPLE, *TOKENS), status)


READERS = ("read", "admin token", "team read", "other read")
ADMINS = ("admin token",)
OWN_PAGE = page(stranger=404)
OWN_API = api(READERS, stranger=404, other_read=404)
# Who sees everything looks at people, and only administrators change them. Others learn nothing of who is there.
NOT_PEOPLE = {"viewer": 403, "stranger": 403}
CHANGES_PEOPLE = page(auditor=403, admin=302, **NOT_PEOPLE)
# The stranger does not even see the team; who sees it may not change it.
CHANGES_TEAM = page(viewer=403, stranger=404, auditor=403, admin=302)
# Registries list everybody's repositories: whoever does not see everything is told nothing of them.
SEES_ALL = api(READERS, viewer=404, stranger=404, team_read=404, other_read=404)
CHANGES_REGISTRY = api((), viewer=404, stranger=404, auditor=403)
TABS = ("findings", "verdict", "packages", "layers", "work", "rebuild", "workloads", "scans", "timeline", "checks")
CLOSES = api((), viewer=403, stranger=404, auditor=403)
ACTS_ON_COPY = api((), viewer=403, stranger=403, auditor=403)
CHANGES_COPY = page(viewer=403, stranger=403, auditor=403, admin=302)
DIGEST = f"sha256:{'a' * 64}"
# The team's mate only views; its editors may.
STATES_BASE = {"viewer": 403, "stranger": 404, "auditor": 403}

WORDY = Wish(when_quiet="heartbeat")
WEEKLY = {"weekday": "0", "hour": "8", "timezone": "UTC", "when_quiet": "silence"}
MAILBOX = {"address": "new@example.org", **WEEKLY}

ROWS: dict[str, list[Row]] = {
    "healthz": [Row(everyone(200))],
    "readyz": [Row(everyone(200))],
    # With a token that may ask or not: the question is read first, and this is none (tests/scanning/test_admission.py).
    **{name: [Row(everyone(401) | dict.fromkeys(TOKENS, 400), "post")] for name in ("admission", "image-policy")},
    **{f"{name}-by-address": [Row(everyone(400), "post", "secret")] for name in ("admission", "image-policy")},
    # A build fetches it before it has a token to show.
    "program": [Row(everyone(200), named="program")],
    # The test client calls from loopback; a bearer token is judged by its scope all the same.
    "metrics": [Row(everyone(401) | dict.fromkeys((*PEOPLE, "read", "admin token"), 200))],
    "theme": [Row(everyone(302), "post", data={"theme": "dark"})],
    "accounts:login": [Row(everyone(200) | dict.fromkeys(PEOPLE[1:], 302))],
    "accounts:logout": [Row(everyone(302), "post")],
    "accounts:account": [
        Row(page()),
        Row(page() | dict.fromkeys(PEOPLE[1:], 422), "post", data={"old_password": "wrong"}),
    ],
    "accounts:person_list": [
        Row(page(**NOT_PEOPLE)),
        Row(
            page(auditor=403, admin=201, **NOT_PEOPLE),
            "post",
            data={"username": "new", "role": "member"},
        ),
    ],
    "accounts:person_detail": [Row(page(**NOT_PEOPLE), named="person")],
    "accounts:person_role": [Row(CHANGES_PEOPLE, "post", "person", {"role": "auditor"})],
    "accounts:person_active": [Row(CHANGES_PEOPLE, "post", "person", {"active": "false"})],
    "accounts:person_password": [Row(page(auditor=403, **NOT_PEOPLE), "post", "person")],
    "accounts:token_list": [
        Row(page()),
        Row(page(viewer=422, stranger=422, auditor=422, admin=201), "post", data={"name": "ci", "scope": "read"}),
    ],
    "teams:team_list": [
        Row(page()),
        Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", data={"name": "new"}),
    ],
    "teams:rule_list": [
        Row(page(**NOT_PEOPLE)),
        Row(page(auditor=403, admin=422, **NOT_PEOPLE), "post", data={"kind": "pattern"}),
    ],
    "teams:rule_move": [Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "owner rule")],
    "teams:rule_remove": [Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "owner rule")],
    "teams:team_detail": [Row(OWN_PAGE, named="team")],
    "teams:team_rename": [Row(CHANGES_TEAM, "post", "team", {"name": "store"})],
    "teams:member_add": [Row(CHANGES_TEAM, "post", "team", {"username": "stranger", "role": "viewer"})],
    "teams:member_role": [Row(CHANGES_TEAM, "post", "member", {"role": "editor"})],
    "teams:member_remove": [Row(CHANGES_TEAM, "post", "member")],
    "images:repository_list": [Row(page())],
    "images:repository_detail": [
        Row(OWN_PAGE, named="repository"),
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "repository", {"owner": ""}),
    ],
    "accounts:token_revoke": [
        Row(page(viewer=404, stranger=404, auditor=404, admin=302), "post", "token"),
    ],
    "overview:start": [Row(page())],
    "images:image_list": [Row(page())],
    "images:image_detail": [Row(OWN_PAGE, named="image")],
    **{f"images:image_{tab}": [Row(OWN_PAGE, named="image")] for tab in TABS},
    "images:image_lineage": [
        Row(OWN_PAGE, named="image"),
        Row(page(admin=302, **STATES_BASE), "post", "image", {"base": "scratch", "reason": "static"}),
    ],
    "bases:base_list": [Row(page())],
    "bases:unknown": [Row(page())],
    "bases:compare": [Row(page())],
    "findings:vulnerability_list": [Row(page())],
    # A vulnerability that none of one's images has is not one's to see: it would tell what others run.
    "findings:vulnerability_detail": [Row(OWN_PAGE, named="vulnerability")],
    "vex:statement_list": [Row(page())],
    "vex:statement_revoke": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "statement", {"reason": "invented"}),
    ],
    "vex:statement_restore": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "statement")],
    "sources:source_list": [Row(page())],
    "sources:source_detail": [Row(OWN_PAGE, named="source")],
    "sources:source_limit": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "source", {"hours": "24"}),
    ],
    # What runs in a cluster of nobody's is told to whose images run there.
    "findings:vulnerability_export": [Row(OWN_PAGE, named="vulnerability")],
    "workloads:workload_list": [Row(page())],
    "workloads:workload_export": [Row(page())],
    "workloads:workload_detail": [Row(OWN_PAGE, named="workload")],
    "workloads:agent_list": [Row(page())],
    "workloads:agent_retire": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "runtime agent")],
    "runtime:posture_list": [Row(page())],
    "runtime:posture_detail": [Row(OWN_PAGE, named="run")],
    "runtime:run_difference": [Row(OWN_PAGE, named="run")],
    "runtime:subject_list": [Row(page())],
    "runtime:check_detail": [Row(page())],
    "digests:digest_list": [Row(page())],
    "digests:digest_detail": [Row(OWN_PAGE, named="briefing")],
    "digests:digest_mail": [Row(OWN_PAGE, named="briefing")],
    "digests:digest_preview": [Row(page())],
    # Nobody here has an e-mail address.
    "digests:subscription": [Row(page()), Row(page() | dict.fromkeys(PEOPLE[1:], 422), "post", data=WEEKLY)],
    "digests:reader_list": [
        Row(page()),
        Row(page(viewer=403, stranger=422, auditor=403, admin=302), "post", data=MAILBOX),
    ],
    "digests:reader_preview": [Row(OWN_PAGE, named="mailbox")],
    "digests:reader_stop": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "mailbox")],
    "digests:channel_list": [
        Row(page()),
        Row(page(viewer=403, stranger=422, auditor=403, admin=422), "post", data={"name": "without an address"}),
    ],
    "digests:channel_test": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "chat")],
    "digests:channel_remove": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "chat")],
    # The address proves that one has the mail.
    "digests:unsubscribe": [Row(everyone(200), named="way out"), Row(everyone(200), "post", "way out")],
    "policies:policy_list": [Row(page())],
    "policies:decision_list": [Row(page())],
    "policies:policy_new": [
        Row(page(viewer=403, stranger=200, auditor=403)),
        Row(page(viewer=403, stranger=422, auditor=403, admin=422), "post", data={"name": "New!"}),
    ],
    "policies:policy_detail": [Row(OWN_PAGE, named="policy")],
    "policies:policy_edit": [
        Row(page(viewer=403, stranger=404, auditor=403), named="policy"),
        Row(page(viewer=403, stranger=404, auditor=403, admin=422), "post", "policy", {"name": "New!"}),
    ],
    "policies:policy_delete": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "policy")],
    "approved:base_list": [Row(page())],
    "approved:request_list": [Row(page())],
    "approved:base_new": [
        Row(page(auditor=403)),
        Row(
            page(viewer=422, stranger=422, auditor=403, admin=422),
            "post",
            data={"base": "alpine:3"},
        ),
    ],
    "approved:base_detail": [Row(OWN_PAGE, named="base request")],
    "approved:base_edit": [
        Row(page(viewer=403, stranger=404, auditor=403), named="base request"),
        Row(
            page(viewer=403, stranger=404, auditor=403, admin=302),
            "post",
            "base request",
            {"pattern": "3.23", "breach": "warn", "reason": "newer"},
        ),
    ],
    "approved:base_step": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "base request", {"to": "in_review"}),
    ],
    "approved:base_comment": [
        Row(page(viewer=302, stranger=404, auditor=403, admin=302), "post", "base request", {"comment": "Why?"}),
    ],
    "approved:alarm_list": [Row(page())],
    "approved:alarm_close": [Row(page(admin=302, **STATES_BASE), "post", "alarm", {"reason": "rebuilt"})],
    "approved:watch_list": [Row(page())],
    "approved:watch_look": [Row(page(admin=302, **STATES_BASE), "post", "watch")],
    "approved:copy_list": [Row(page())],
    "approved:copy_detail": [Row(page(), named="copy")],
    # Where to take a base from is for everybody; what is done with a copy is not.
    "approved:copy_retry": [Row(CHANGES_COPY, "post", "copy")],
    "approved:copy_restore": [Row(CHANGES_COPY, "post", "copy", {"reason": "it vanished"})],
    "approved:copy_let_go": [Row(CHANGES_COPY, "post", "copy", {"reason": "not needed"})],
    "approved:copy_ask": [
        Row(page(admin=302, **STATES_BASE), "post", "base request", {"digest": DIGEST, "tag": "3.22"}),
    ],
    "approved:retention": [Row(page())],
    "approved:pin_new": [
        Row(page(viewer=403, stranger=403, auditor=403, admin=302), "post", data={"digest": "ab" * 32, "reason": "x"}),
    ],
    "approved:pin_remove": [Row(page(viewer=404, stranger=404, auditor=403, admin=302), "post", "pin")],
    "approved:rule_new": [
        Row(page(auditor=403, **NOT_PEOPLE)),
        Row(page(auditor=403, admin=422, **NOT_PEOPLE), "post", data={"name": "old"}),
    ],
    "approved:rule_edit": [Row(page(auditor=403, **NOT_PEOPLE), named="rule")],
    "approved:rule_remove": [Row(CHANGES_PEOPLE, "post", "rule")],
    "approved:run_new": [Row(CHANGES_PEOPLE, "post")],
    "approved:run_detail": [Row(page(**NOT_PEOPLE), named="retention run")],
    "approved:run_start": [
        Row(page(auditor=403, admin=422, **NOT_PEOPLE), "post", "retention run", {"images": "7"}),
    ],
    "approved:run_stop": [Row(CHANGES_PEOPLE, "post", "retention run")],
    "exemptions:exemption_list": [Row(page())],
    "exemptions:exemption_new": [
        # The team's mate only views, the stranger administers another team.
        Row(page(viewer=403, auditor=403)),
        Row(page(viewer=403, stranger=422, auditor=403, admin=422), "post", data={"vulnerability": "CVE-2099-0001"}),
    ],
    "exemptions:exemption_detail": [Row(OWN_PAGE, named="exemption")],
    "exemptions:exemption_decide": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "exemption", {"do": "grant"}),
    ],
    "exemptions:exemption_revoke": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "exemption", {"answer": "over"}),
    ],
    # Without an image or a repository there is nothing to write about.
    "exemptions:openvex": [Row(page() | dict.fromkeys(PEOPLE[1:], 404))],
    "registries:registry_list": [Row(page(**NOT_PEOPLE))],
    "registries:registry_new": [
        Row(page(auditor=403, **NOT_PEOPLE)),
        Row(
            page(auditor=403, admin=302, **NOT_PEOPLE),
            "post",
            data={"kind": "standard", "base_url": "https://new.example", "every_minutes": "60"},
        ),
    ],
    "registries:registry_detail": [Row(page(**NOT_PEOPLE), named="registry")],
    "registries:registry_edit": [Row(page(auditor=403, **NOT_PEOPLE), named="registry")],
    "registries:registry_push": [
        Row(page(auditor=403, **NOT_PEOPLE), named="registry"),
        Row(CHANGES_PEOPLE, "post", "registry", {"username": "pusher", "keeps": "on", "path": "kept"}),
    ],
    "registries:registry_push_stop": [Row(CHANGES_PEOPLE, "post", "registry")],
    "registries:registry_crawl": [Row(CHANGES_PEOPLE, "post", "registry")],
    "registries:registry_remove": [Row(CHANGES_PEOPLE, "post", "registry")],
    "scanning:delivery_list": [Row(page())],
    "scanning:format_list": [Row(page())],
    "scanning:delivery_detail": [Row(OWN_PAGE, named="delivery")],
    "scanning:delivery_raw": [Row(OWN_PAGE, named="delivery")],
    "scanning:delivery_replay": [
        Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "delivery"),
    ],
    "webhooks:webhook_list": [
        Row(page(**NOT_PEOPLE)),
        Row(page(auditor=422, admin=422, **NOT_PEOPLE), "post", data={"kind": "nothing"}),
    ],
    "webhooks:webhook_detail": [Row(page(**NOT_PEOPLE), named="webhook")],
    "webhooks:webhook_secret": [Row(page(auditor=403, admin=201, **NOT_PEOPLE), "post", "webhook")],
    "webhooks:webhook_switch": [Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "webhook")],
    "webhooks:webhook_remove": [Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "webhook")],
    "webhooks:webhook_test": [
        Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "webhook", {"reference": "shop/api:1.0"}),
    ],
    # Senders prove themselves by the source's secret; who one is otherwise does not count.
    "webhook": [Row(everyone(401), "post", "sender")],
    "scanning:scan_list": [Row(page())],
    # Nobody's registry is connected here: an administrator is told so on the image's page.
    "scanning:rescan": [Row(page(viewer=403, stranger=404, auditor=403, admin=302), "post", "image")],
    "feeds:feed_list": [Row(page())],
    "feeds:feed_fetch": [Row(page(auditor=403, admin=302, **NOT_PEOPLE), "post", "feed")],
    "api:schema": [Row(everyone(200))],
    "api:report-list": [
        # An empty body: who may send gets as far as 400. People must not send from a browser.
        Row(
            api((), anonymous=401)
            | dict.fromkeys(PEOPLE[1:], 403)
            | dict.fromkeys(("ingest", "other ingest", "admin token"), 400),
            "post",
        ),
    ],
    "api:report-detail": [
        Row(api(READERS, stranger=404, ingest=404, other_read=404, other_ingest=404), named="delivery"),
    ],
    "api:image-list": [Row(api(READERS))],
    "api:image-detail": [Row(OWN_API, named="image")],
    "api:image-findings": [Row(OWN_API, named="image")],
    "api:image-scans": [Row(OWN_API, named="image")],
    "api:image-packages": [Row(OWN_API, named="image")],
    "api:image-lineage": [Row(OWN_API, named="image")],
    "api:image-work": [Row(OWN_API, named="image")],
    "api:image-base": [
        Row(
            api((), **STATES_BASE) | {"admin token": 200},
            "post",
            "image",
            {"base": "scratch", "reason": "static"},
        ),
        Row(api((), **STATES_BASE, admin=204) | {"admin token": 204}, "delete", "image"),
    ],
    "api:image-timeline": [Row(OWN_API, named="image")],
    "api:vulnerability-list": [Row(api(READERS))],
    "api:vulnerability-detail": [Row(OWN_API, named="vulnerability")],
    "api:vex-list": [Row(api(READERS))],
    "api:vex-detail": [Row(OWN_API, named="statement")],
    "api:source-list": [Row(api(READERS))],
    "api:source-detail": [Row(OWN_API, named="source")],
    "api:image-workloads": [Row(OWN_API, named="image")],
    "api:workload-list": [Row(api(READERS))],
    "api:agent-list": [Row(api(READERS))],
    # Whatever comes is stored before it is looked into. People must not send from a browser.
    "api:agent-snapshot": [
        Row(
            api((), anonymous=401) | dict.fromkeys(PEOPLE[1:], 403) | dict.fromkeys(("agent", "admin token"), 202),
            "post",
        ),
    ],
    "api:benchmark-list": [Row(api(READERS))],
    "api:benchmark-detail": [Row(OWN_API, named="run")],
    "api:benchmark-results": [Row(OWN_API, named="run")],
    # The first run of its benchmark, and nothing said to compare it with.
    "api:benchmark-difference": [
        Row(
            api((), viewer=400, stranger=404, admin=400, auditor=400)
            | dict.fromkeys(READERS, 400)
            | {"other read": 404},
            named="run",
        )
    ],
    "api:benchmark-checks": [
        Row(api((), viewer=400, stranger=400, admin=400, auditor=400) | dict.fromkeys(READERS, 400)),
    ],
    "api:benchmark-subjects": [Row(api(READERS))],
    "api:webhook-list": [
        Row(api(ADMINS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"kind": "registry", "name": "n", "registry": "registry.example"},
        ),
    ],
    "api:webhook-detail": [
        Row(api(ADMINS, viewer=404, stranger=404), named="webhook"),
        Row(api((), viewer=404, stranger=404, auditor=403, admin=204) | {"admin token": 204}, "delete", "webhook"),
    ],
    "api:webhook-secret": [
        Row(api((), viewer=404, stranger=404, auditor=403, admin=201) | {"admin token": 201}, "post", "webhook"),
    ],
    "api:webhook-switch": [
        Row(
            api((), viewer=404, stranger=404, auditor=403, admin=200) | {"admin token": 200},
            "post",
            "webhook",
            {"is_enabled": "false"},
        ),
    ],
    "api:gate": [
        Row(api((*READERS, "ingest", "other ingest")), data={"image": "registry.example/shop/api:1.0"}),
    ],
    "api:decision-list": [Row(api(READERS))],
    "api:policy-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403) | {"admin": 201, "admin token": 201},
            "post",
            data={"name": "new"},
        ),
    ],
    "api:policy-detail": [
        Row(OWN_API, named="policy"),
        Row(
            api((), viewer=403, stranger=404, auditor=403) | {"admin": 200, "admin token": 200},
            "put",
            "policy",
            {"name": "shop-only", "scope": {"teams": ["shop"]}},
        ),
        Row(
            api((), viewer=403, stranger=404, auditor=403) | {"admin": 204, "admin token": 204},
            "delete",
            "policy",
        ),
    ],
    "api:policy-preview": [
        Row(api(ADMINS), "post", data={"name": "new"}),
    ],
    "api:approved-list": [
        Row(api(READERS)),
        # The mate is a member of team shop, for which is asked; machines need the scope admin.
        Row(
            api((), viewer=201, stranger=400, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"base": "alpine:3.22", "team": "shop", "reason": "needed"},
        ),
    ],
    "api:approved-detail": [Row(OWN_API, named="base request")],
    "api:approved-steps": [Row(OWN_API, named="base request")],
    "api:approved-review": [Row(OWN_API, named="base request")],
    "api:approved-step": [
        Row(
            api((), viewer=403, stranger=404, auditor=403, admin=200) | {"admin token": 200},
            "post",
            "base request",
            {"to": "in_review"},
        ),
    ],
    "api:approved-comment": [
        Row(
            api((), viewer=200, stranger=404, auditor=403, admin=200) | {"admin token": 200},
            "post",
            "base request",
            {"comment": "Which packages?"},
        ),
    ],
    "api:approved-check": [
        Row(
            api(("ingest", "other ingest", *READERS)),
            "post",
            data={"dockerfile": "FROM scratch"},
        ),
    ],
    "api:approved-document": [Row(api(READERS), named="document")],
    "api:exemption-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=400, stranger=400, auditor=400, admin=400) | {"admin token": 400},
            "post",
            data={"vulnerability": "CVE-2099-0001", "scope": "everywhere", "reason": "x", "expires_on": "2020-01-01"},
        ),
    ],
    "api:exemption-detail": [Row(OWN_API, named="exemption")],
    "api:exemption-concerned": [Row(OWN_API, named="exemption")],
    "api:exemption-decide": [
        Row(
            api((), viewer=403, stranger=404, auditor=403, admin=200) | {"admin token": 200},
            "post",
            "exemption",
            {"grant": "true"},
        ),
    ],
    "api:exemption-revoke": [
        Row(
            api((), viewer=403, stranger=404, auditor=403, admin=200) | {"admin token": 200},
            "post",
            "exemption",
            {"answer": "over"},
        ),
    ],
    "api:openvex": [Row(api((), viewer=404, stranger=404, admin=404, auditor=404) | dict.fromkeys(READERS, 404))],
    "api:alarm-list": [Row(api(READERS))],
    "api:alarm-detail": [Row(OWN_API, named="alarm")],
    "api:alarm-close": [
        Row(CLOSES | {"admin": 200, "admin token": 200}, "post", "alarm", {"reason": "rebuilt"}),
    ],
    "api:watch-list": [Row(api(READERS))],
    "api:watch-detail": [Row(OWN_API, named="watch")],
    "api:watch-look": [Row(CLOSES | {"admin": 202, "admin token": 202}, "post", "watch")],
    "api:copy-list": [
        Row(api(READERS)),
        # There is no such entry.
        Row(
            api((), viewer=404, stranger=404, auditor=404, admin=404) | {"admin token": 404},
            "post",
            data={"entry": "1", "digest": DIGEST},
        ),
    ],
    "api:copy-detail": [Row(api(READERS), named="copy")],
    "api:copy-retry": [Row(ACTS_ON_COPY | {"admin": 202, "admin token": 202}, "post", "copy")],
    "api:copy-restore": [
        Row(ACTS_ON_COPY | {"admin": 202, "admin token": 202}, "post", "copy", {"reason": "it vanished"}),
    ],
    "api:copy-let-go": [
        Row(ACTS_ON_COPY | {"admin": 204, "admin token": 204}, "post", "copy", {"reason": "not needed"}),
    ],
    "api:retention-check": [
        # Without a digest: who may ask gets as far as 400.
        Row(api((), viewer=400, stranger=400, admin=400, auditor=400) | dict.fromkeys(READERS, 400)),
        Row(api(READERS), "post", data={"digests": ["alpine:3"]}),  # type: ignore[dict-item]
    ],
    "api:retention-pin-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"digest": "ab" * 32, "reason": "x"},
        ),
    ],
    "api:retention-pin-detail": [Row(CHANGES_REGISTRY | {"admin": 204, "admin token": 204}, "delete", "pin")],
    "api:retention-rule-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"name": "old", "repositories": "*"},
        ),
    ],
    "api:retention-rule-detail": [
        Row(SEES_ALL, named="rule"),
        Row(CHANGES_REGISTRY | {"admin": 204, "admin token": 204}, "delete", "rule"),
        Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "patch", "rule", {"days": "9"}),
    ],
    "api:retention-run-list": [
        Row(api(READERS)),
        # Without a rule there is nothing to ask for.
        Row(api((), viewer=403, stranger=403, auditor=403, admin=400) | {"admin token": 400}, "post"),
    ],
    "api:retention-run-detail": [Row(SEES_ALL, named="retention run")],
    "api:retention-run-items": [Row(SEES_ALL, named="retention run")],
    "api:retention-run-start": [
        Row(CHANGES_REGISTRY | {"admin": 400, "admin token": 400}, "post", "retention run", {"images": "7"}),
    ],
    "api:retention-run-stop": [
        Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "post", "retention run"),
    ],
    "api:registry-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"base_url": "https://new.example"},
        ),
    ],
    "api:registry-detail": [
        Row(SEES_ALL, named="registry"),
        Row(CHANGES_REGISTRY | {"admin": 204, "admin token": 204}, "delete", "registry"),
        Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "patch", "registry", {"tags": "v*"}),
    ],
    "api:registry-push": [
        Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "put", "registry", {"username": "pusher"}),
        Row(CHANGES_REGISTRY | {"admin": 204, "admin token": 204}, "delete", "registry"),
    ],
    "api:registry-crawl": [Row(CHANGES_REGISTRY | {"admin": 202, "admin token": 202}, "post", "registry")],
    "api:registry-check": [Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "post", "registry")],
    "api:registry-repositories": [Row(SEES_ALL, named="registry")],
    "api:digest-list": [Row(api(READERS))],
    "api:digest-detail": [Row(OWN_API, named="briefing")],
    "api:digest-lines": [Row(OWN_API, named="briefing")],
    "api:digest-html": [Row(OWN_API, named="briefing")],
    "api:digest-text": [Row(OWN_API, named="briefing")],
    # Without `reader` it is one's own, and tokens have none.
    "api:digest-preview": [Row(api(()) | dict.fromkeys(READERS, 404))],
    "api:owner-rule-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201, admin_token=201),
            "post",
            data={"kind": "pattern", "pattern": "*", "team": "shop"},
        ),
    ],
    "api:owner-rule-detail": [
        Row(SEES_ALL, named="owner rule"),
        Row(CHANGES_REGISTRY | {"admin": 200, "admin token": 200}, "delete", "owner rule"),
    ],
    "api:owner-rule-move": [
        Row(
            CHANGES_REGISTRY | {"admin": 200, "admin token": 200},
            "post",
            "owner rule",
            {"before": None},  # type: ignore[dict-item]
        )
    ],
    "api:owner-rule-preview": [
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=200, admin_token=200),
            "post",
            data={"kind": "pattern", "pattern": "*", "team": "shop"},
        )
    ],
    "api:channel-list": [
        Row(api(READERS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=400, admin_token=400),
            "post",
            data={"name": "x", "address": "nowhere", "team": None},  # type: ignore[dict-item]
        ),
    ],
    "api:channel-detail": [
        Row(OWN_API, named="chat"),
        Row(CLOSES | {"admin": 204, "admin token": 204}, "delete", "chat"),
    ],
    "api:channel-test": [Row(CLOSES | {"admin": 200, "admin token": 200}, "post", "chat")],
    "api:token-list": [
        Row(api(ADMINS)),
        Row(
            api((), viewer=403, stranger=403, auditor=403, admin=201) | {"admin token": 201},
            "post",
            data={"name": "n", "scope": "read"},
        ),
    ],
    "api:token-detail": [
        Row(api(ADMINS, viewer=404, stranger=404, auditor=404), named="token"),
        Row(api((), viewer=404, stranger=404, auditor=404, admin=204) | {"admin token": 204}, "delete", "token"),
    ],
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """The full name of every route there is."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield f"{prefix}{entry.name}"
        else:
            yield from routes(entry, prefix + (f"{entry.namespace}:" if entry.namespace else ""))


def test_every_route_has_a_row() -> None:
    assert set(routes()) == set(ROWS)


CASES = [pytest.param(name, row, id=f"{name}-{row.method}") for name, rows in ROWS.items() for row in rows]


def identity(who: str, team: Team, mate: User, stranger: User, admin: User) -> Client:
    """Somebody who asks."""
    other = stranger.teams.get()
    people = {"viewer": mate, "stranger": stranger, "admin": admin}
    tokens = {
        "ingest": (Token.Scope.INGEST, None),
        "read": (Token.Scope.READ, None),
        "agent": (Token.Scope.AGENT, None),
        "admin token": (Token.Scope.ADMIN, None),
        "team read": (Token.Scope.READ, team),
        "other read": (Token.Scope.READ, other),
        "other ingest": (Token.Scope.INGEST, other),
    }
    if who in tokens:
        return Machine(make_token(*tokens[who])[1])
    client = Client()
    if who != "anonymous":
        client.force_login(people.get(who) or make_user("auditor", role=User.Role.AUDITOR))
    return client


WORDS = {"feed": "kev", "document": "json", "program": "portwarden-gate", "secret": "pw_nobody"}


def arguments(named: str, team: Team) -> list[object]:
    """A thing of team shop."""
    if named in WORDS:
        return [WORDS[named]]
    if named == "exemption":
        end = timezone.now().date() + timedelta(days=9)
        return [ask_exemption(None, WantedExemption("CVE-2099-0001", "image", "why", end, make_image(team=team))).pk]
    if named in ("alarm", "watch", "copy"):
        return [of_upstream(named, team)]
    if named in ("pin", "rule", "retention run"):
        return [of_retention(named)]
    if named == "chat":
        # Its address does not open, so that no message is tried.
        return [Channel.objects.create(team=team, name="#shop", service="Slack", address=b"").pk]
    if named in ("briefing", "mailbox", "way out"):
        return of_digest(named, subscribe_address(make_user(role=User.Role.ADMIN), "shop@example.org", team, WORDY))
    if named in ("workload", "runtime agent"):
        running = make_running(make_image(team=team))
        return [running.workload_id if named == "workload" else running.agent_id]
    if named == "owner rule":
        return [OwnerRule.objects.create(kind="pattern", pattern="*", team=team).pk]
    if named == "base request":
        return [request_base(None, "alpine:3.22", team=team, reason="needed").pk]
    return of_team(named, team)


def of_upstream(named: str, team: Team) -> int:
    """A base that the team's images are built on, an alarm about it, and a copy of it."""
    if named == "copy":
        registry = Registry.objects.create(host="own.example")
        return KeptCopy.objects.create(
            name="docker.io/library/alpine",
            tag="3",
            digest=DIGEST,
            registry=registry,
            place="kept/alpine",
            state="kept",
        ).pk
    watch = Watch.objects.create(name="docker.io/library/alpine", tag="3", is_used=True, owners=[team.pk])
    return watch.pk if named == "watch" else UpstreamAlarm.objects.create(watch=watch, kind="vanished", text="gone").pk


def of_retention(named: str) -> int:
    """What retention knows: a pin, a rule, a run that was asked for by it."""
    if named == "pin":
        return pin(None, "ab" * 32, "kept").pk
    rule = RetentionRule.objects.first() or save_rule(None, None, {"name": "some", "repositories": "*"})
    return rule.pk if named == "rule" else ask_run(None).pk


def of_digest(named: str, row: Subscription) -> list[object]:
    """What belongs to the digest of the team's mailbox."""
    if named == "briefing":
        row.starts_at = datetime(2026, 1, 1, tzinfo=UTC)
        briefing = brief(row, datetime.now(UTC))
        assert briefing is not None
        return [briefing.pk]
    return [row.pk] if named == "mailbox" else [unsubscribe_path(row).split("/")[-2]]


def of_team(named: str, team: Team) -> list[object]:
    """The rest of them, which reports and people bring."""
    if named == "token":
        return [make_token(team=team)[0].pk]
    if named in ("person", "member"):
        somebody = make_user(team=team)
        return [somebody.pk] if named == "person" else [team.pk, somebody.pk]
    if named in ("webhook", "sender"):
        source, _ = add_source(None, Wanted("registry", "shop", "registry.example"))
        return [source.pk] if named == "webhook" else [source.kind, source.name]
    if named == "team":
        return [team.pk]
    if not named:
        return []
    if named == "registry":
        # Nothing listens there, and the guard refuses it anyway: a check leaves this machine in no case.
        said = {"base_url": "http://127.0.0.1:9", "is_insecure": True}
        return [save_connection(None, None, said, "s3cret").pk]
    if named == "policy":
        return [save_policy(None, read_policy({"name": "shop-only", "scope": {"teams": ["shop"]}})).name]
    if named == "run":
        return [make_run(team=team).pk]
    if named == "statement":
        deliver(make_vex(make_statement()), viewer=make_token(team=team)[0])
        return [VexStatement.objects.get().pk]
    image: Image = make_image(team=team)
    brought = {
        "vulnerability": Advisory.objects.get().name,
        "source": Source.objects.get().pk,
        "repository": image.repository_id,
        "image": image.pk,
        "delivery": Delivery.objects.get().pk,
    }
    return [brought[named]]


def ask(client: Client, row: Row, url: str, options: dict[str, str]) -> Any:
    return getattr(client, row.method)(url, row.data, **options)


@pytest.mark.parametrize(("name", "row"), CASES)
def test_who_may_do_what(name: str, row: Row, team, mate, stranger, admin) -> None:
    url = reverse(name, args=arguments(row.named, team))
    options = {"content_type": "application/json"} if name.startswith("api:") and row.method != "get" else {}
    got = {}
    for who in row.expected:
        # What one of them changed is undone before the next one asks.
        with transaction.atomic():
            client = identity(who, team, mate, stranger, admin)
            answer = client.generic("POST", url) if name == "api:report-list" else ask(client, row, url, options)
            got[who] = answer.status_code
            if answer.status_code == 302 and row.expected["anonymous"] == 302 and who in ("anonymous", *TOKENS):
                assert row.method == "post" or answer["Location"].startswith("/login/?next=")
            transaction.set_rollback(True)
    assert got == row.expected


@pytest.mark.parametrize("named", ["image", "delivery", "token", "team", "repository", "run", "source", "base request"])
def test_what_is_not_yours_looks_like_what_is_not_there(named: str, team, stranger, client) -> None:
    client.force_login(stranger)
    name = {
        "image": "images:image_detail",
        "delivery": "scanning:delivery_detail",
        "token": "accounts:token_revoke",
        "team": "teams:team_detail",
        "repository": "images:repository_detail",
        "run": "runtime:posture_detail",
        "base request": "approved:base_detail",
        "source": "sources:source_detail",
    }[named]
    method = client.post if named == "token" else client.get
    theirs = method(reverse(name, args=arguments(named, team)))
    nothing = method(reverse(name, args=[999_999]))
    assert theirs.status_code == nothing.status_code == 404
    assert (
        theirs.content.replace(b"1", b"").replace(b"9", b"")[:200]
        == nothing.content.replace(b"1", b"").replace(b"9", b"")[:200]
    )


def test_a_stranger_counts_nothing_of_others(team, stranger, client) -> None:
    image = make_image(team=team)
    client.force_login(stranger)
    for query in ("", "?q=CVE-2099-0001", "?q=shop", "?severity=high", "?team=1"):
        assert f"/images/{image.pk}/" not in client.get(reverse("images:image_list") + query).content.decode()
        assert client.get("/api/v1/images/" + query).json()["results"] == []
    assert client.get("/api/v1/vulnerabilities/").json()["results"] == []
    assert client.get("/api/v1/vulnerabilities/CVE-2099-0001/").status_code == 404
    assert "CVE-2099-0001" not in client.get(reverse("findings:vulnerability_list")).content.decode()


@pytest.mark.parametrize("name", [name for name, rows in ROWS.items() if rows[0].method == "get" and not rows[0].named])
def test_every_answer_carries_its_headers(name: str, admin, client) -> None:
    client.force_login(admin)
    answer = client.get(reverse(name))
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Request-Id"]


# The call of a machine has no session to abuse: a sender, a cluster, a mail program that ends a subscription.
CLUSTERS = ("admission", "admission-by-address", "image-policy", "image-policy-by-address")
NO_FORMS = ("webhook", "digests:unsubscribe", *CLUSTERS)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, rows in ROWS.items()
        for row in rows
        if row.method == "post" and not name.startswith("api:") and name not in NO_FORMS
    ],
)
def test_no_change_without_the_forms_token(name: str, team, admin) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    row = next(row for row in ROWS[name] if row.method == "post")
    assert client.post(reverse(name, args=arguments(row.named, team)), row.data).status_code == 403


def test_a_quarantined_delivery_is_shown_with_its_reason(admin, client) -> None:
    delivery = deliver(b'{"hello": 1}')
    client.force_login(admin)
    assert "not recognised" in client.get(reverse("scanning:delivery_detail", args=[delivery.pk])).content.decode()
