"""Exemptions: what they set aside and where, through rebuilds and merges, until their day; who decides; OpenVEX out."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse
from django.utils import timezone

from governance.accounts.models import AuditEntry, Membership, Token
from governance.accounts.services import create_token
from governance.briefings.models import Subscription
from governance.briefings.services import Wish, brief, subscribe_address
from governance.findings.models import Finding
from governance.images.merge import merge_into
from governance.images.models import Image, Repository
from governance.overview.timeline import Entry, timeline_of
from governance.policy.exempting import exempted_in, exemptions_of, images_concerned
from governance.policy.exemptions import Wanted, ask_exemption, decide, revoke
from governance.policy.models import Verdict
from governance.policy.models_exemption import Exemption
from governance.policy.verdicts import judge_now
from governance.policy.vex import document_of, images_of
from governance.policy.work import ask, settle_verdicts
from scanning.parsers import openvex
from scanning.parsers.document import open_document
from tests.conftest import Machine
from tests.governance.policy.force import enforce
from tests.make import deliver, digest_of, make_grype, make_image, make_user, make_vulnerability

pytestmark = pytest.mark.django_db
CVE = "CVE-2099-0001"
URL = "/api/v1/exemptions/"


def later(days: int = 30) -> date:
    return timezone.now().date() + timedelta(days=days)


def wanted(scope: str = "everywhere", thing: Any = None, **fields: Any) -> Wanted:
    said: dict[str, Any] = {"vulnerability": CVE, "reason": "behind the firewall", "expires_on": later(), **fields}
    return Wanted(scope=scope, thing=thing, **said)


def granted(scope: str = "everywhere", thing: Any = None, **fields: Any) -> Exemption:
    return decide(None, ask_exemption(None, wanted(scope, thing, **fields)), True)


def holds(image: Image, day: date | None = None) -> bool:
    return bool(exempted_in([image.pk], day or timezone.now().date()))


def life_of(image: Image) -> list[Entry]:
    """Its timeline, for who sees everything."""
    return timeline_of(image, make_user(role="auditor")).entries


def verdict(image: Image) -> tuple[str, int]:
    """The kept verdict at CI, and the counter."""
    settle_verdicts()
    image.refresh_from_db()
    return Verdict.objects.get(image=image).ci, image.exempted


def on_base(team: Any = None) -> tuple[Image, Image, Image]:
    """A base, what is built on it, and what is built on that."""
    base = make_image("registry.example/base/os:12", team=team)
    middle = make_image("registry.example/run/python:3", team=team)
    app = make_image("registry.example/shop/api:1", team=team)
    Image.objects.filter(pk=middle.pk).update(base=base)
    Image.objects.filter(pk=app.pk).update(base=middle)
    return base, middle, Image.objects.get(pk=app.pk)


def test_a_granted_one_changes_verdict_and_counter_and_ends_by_the_clock(team) -> None:
    image = make_image(team=team)
    enforce({"kind": "findings", "severity": "high"})
    assert verdict(image) == ("fail", 0)
    row = ask_exemption(None, wanted("repository", image.repository))
    assert verdict(image) == ("fail", 0), "asked for is not granted"
    decide(None, row, True)
    assert verdict(image) == ("pass", 1)
    assert image.findings_total == 1, "it stays visible and counted"
    end = row.expires_on
    assert holds(image, end - timedelta(1))
    assert not holds(image, end)
    assert f"exempted until {row.expires_on}" in next(one for one in life_of(image) if one.kind == "exempted").text
    at = timezone.now() + timedelta(days=30)
    assert judge_now([image.pk], at)[image.pk]["ci"].verdict == "fail"


def test_one_image_is_asked_in_one_statement_and_answers_as_many_do(team, django_assert_num_queries) -> None:
    base, middle, app = on_base(team)
    other = make_image("registry.example/pay/api:1")
    Image.objects.filter(pk=other.pk).update(base=None, base_name="registry.example/base/os:12@" + digest_of("os"))
    findings = list(Finding.objects.values_list("pk", flat=True))
    today = timezone.now().date()
    things = {"everywhere": None, "image": app, "repository": middle.repository, "base": base.repository, "team": team}
    for scope, thing in things.items():
        row = granted(scope, thing)
        for image in (base, middle, app, other):
            with django_assert_num_queries(1):
                found = exemptions_of(image.pk, findings, today)
            assert {one.pk for rows in found.values() for one in rows} == ({row.pk} if holds(image) else set()), scope
        Exemption.objects.all().delete()
    granted("everywhere", package="curl")
    assert exemptions_of(app.pk, findings, today) == {}
    assert exemptions_of(app.pk, [], today) == {}


def test_the_day_reopens_it_with_nobody_acting(team, monkeypatch) -> None:
    image = make_image(team=team)
    enforce({"kind": "findings", "severity": "high"})
    granted("team", team)
    assert verdict(image) == ("pass", 1)
    at = timezone.now() + timedelta(days=30)
    monkeypatch.setattr(timezone, "now", lambda: at)
    assert verdict(image) == ("fail", 0)


def test_revoking_counts_at_once(team) -> None:
    image = make_image(team=team)
    enforce({"kind": "findings", "severity": "high"})
    row = granted("image", image)
    assert verdict(image) == ("pass", 1)
    with pytest.raises(ValidationError):
        revoke(None, row, " ")
    revoke(None, row, "the firewall fell")
    assert verdict(image) == ("fail", 0)
    told = {one.kind: one.text for one in life_of(image)}
    said = f"{CVE} in every package exempted no more for this image, by command line: the firewall fell"
    assert told["exemption_revoked"] == said
    assert told["exempted"].endswith("for this image, by command line"), "that it was granted stays known"
    with pytest.raises(ValidationError):
        revoke(None, row, "again")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("image", {"app"}),
        ("repository", {"app"}),
        ("base", {"base", "middle", "app"}),
        ("middle", {"middle", "app"}),
        ("team", {"base", "middle", "app"}),
        ("everywhere", {"base", "middle", "app", "other"}),
    ],
)
def test_each_scope_holds_for_exactly_its_images(scope: str, expected: set[str], team) -> None:
    images = dict(zip(("base", "middle", "app"), on_base(team), strict=True))
    images["other"] = make_image("registry.example/other/x:1")
    thing: Any = {"image": images["app"], "repository": images["app"].repository, "team": team}.get(scope)
    if scope in ("base", "middle"):
        thing = images[scope].repository
    row = granted("base" if scope == "middle" else scope, thing)
    found = exempted_in([image.pk for image in images.values()], timezone.now().date())
    assert {word for word, image in images.items() if image.pk in found} == expected
    assert set(images_concerned(row)) == {images[word] for word in expected}


def test_it_survives_new_tags_and_rebuilds_also_of_the_base(team) -> None:
    _, middle, app = on_base(team)
    granted("base", Repository.objects.get(name="base/os"))
    rebuilt = make_image("registry.example/shop/api:2", team=team, config=digest_of("rebuilt"))
    assert not holds(rebuilt)
    newer = make_image("registry.example/base/os:13", team=team)
    Image.objects.filter(pk=rebuilt.pk).update(base=newer)
    assert holds(newer)
    assert holds(rebuilt)
    named = make_image("registry.example/shop/named:1", team=team)
    Image.objects.filter(pk=named.pk).update(base_name="registry.example/base/os:14")
    assert holds(named)
    Image.objects.filter(pk=app.pk).update(base=None)
    assert not holds(app)
    assert holds(middle)


def test_it_survives_merged_images_and_alias_groups(team) -> None:
    image = make_image(team=team)
    other = make_image("registry.example/shop/twin:1", team=team)
    row = granted("image", other)
    merge_into(image.pk, other.pk, "the same")
    assert holds(image)
    assert list(images_concerned(row)) == [image]
    # Another scanner calls it otherwise; when both names prove to be one, its finding is exempted, too.
    document = make_grype("GHSA-aaaa-bbbb-cccc")
    deliver(document)
    grype = Image.objects.get(config_digest=digest_of("config"))
    granted("repository", grype.repository)
    assert not holds_finding(grype, "GHSA-aaaa-bbbb-cccc")
    deliver(make_grype("GHSA-aaaa-bbbb-cccc", aliases=[CVE], day=22))
    assert holds_finding(grype, "GHSA-aaaa-bbbb-cccc")


def holds_finding(image: Image, name: str) -> bool:
    groups = set(Finding.objects.filter(advisory__name=name).values_list("advisory__vulnerability", flat=True))
    found = exempted_in([image.pk], timezone.now().date()).get(image.pk, frozenset())
    return bool(groups & {one.vulnerability for one in found})


def test_one_package_alone(team) -> None:
    found = [make_vulnerability(package="openssl"), make_vulnerability(package="curl")]
    image = make_image(team=team, vulnerabilities=found)
    enforce({"kind": "findings", "severity": "high"})
    granted("repository", image.repository, package="curl")
    assert verdict(image) == ("fail", 1)
    granted("repository", image.repository, package="openssl")
    assert verdict(image) == ("pass", 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_on", later(0)),
        ("expires_on", later(181)),
        ("vulnerability", "CVE-2099-7777"),
        ("reason", " \n"),
        ("scope", "galaxy"),
        ("scope", "image"),
        ("justification", ""),
    ],
)
def test_what_is_missing_or_too_much_is_refused_by_field(field: str, value: Any, team) -> None:
    make_image(team=team)
    fields = {"kind": "not_affected"} if field == "justification" else {}
    with pytest.raises(ValidationError) as error:
        ask_exemption(None, wanted(**{"scope": "everywhere", **fields, field: value}))
    assert field in error.value.message_dict
    assert not Exemption.objects.exists()


def test_a_waiting_request_that_got_too_old_is_not_granted(team, settings) -> None:
    make_image(team=team)
    row = ask_exemption(None, wanted())
    Exemption.objects.update(expires_on=timezone.now().date())
    with pytest.raises(ValidationError):
        decide(None, row, True)
    with pytest.raises(ValidationError):
        decide(None, row, False)
    assert decide(None, row, False, "too late").state == "declined"
    with pytest.raises(ValidationError):
        decide(None, row, True)


def test_who_may_ask_and_decide(team, owner, mate, stranger, admin) -> None:
    editor = make_user("editor", team=team, membership=Membership.Role.EDITOR)
    image = make_image(team=team)
    for nobody in (mate, stranger):
        with pytest.raises(PermissionDenied):
            ask_exemption(nobody, wanted("image", image))
    for scope in ("everywhere",):
        with pytest.raises(PermissionDenied):
            ask_exemption(editor, wanted(scope))
    row = ask_exemption(editor, wanted("image", image))
    assert row.owner == team
    with pytest.raises(ValidationError):
        ask_exemption(editor, wanted("image", image))
    for nobody in (mate, stranger, editor):
        with pytest.raises(PermissionDenied):
            decide(nobody, row, True)
    decide(owner, row, True)
    base = ask_exemption(editor, wanted("base", image.repository))
    with pytest.raises(PermissionDenied):
        decide(owner, base, True)
    decide(admin, base, True)
    actions = list(AuditEntry.objects.filter(action__startswith="exemption").values_list("action", flat=True))
    assert sorted(actions) == sorted(["exemption.request", "exemption.granted"] * 2)


def test_one_person_with_two_tokens_is_one_person(team, admin, settings) -> None:
    settings.EXEMPTION_NEEDS_TWO = True
    make_image(team=team)
    first, second = (create_token(admin, name, Token.Scope.ADMIN)[0] for name in ("one", "two"))
    row = ask_exemption(first, wanted())
    for same in (admin, second, None):
        with pytest.raises(PermissionDenied):
            decide(same, row, True)
    assert decide(make_user("second", role="admin"), row, True).state == "granted"


def test_an_exemption_never_makes_a_verdict_worse(team) -> None:
    """Every kind of rule, with and without: the order of outcomes never rises."""
    found = [
        make_vulnerability(f"CVE-2099-000{number}", package, Severity=severity)
        for number, (package, severity) in enumerate([("openssl", "CRITICAL"), ("curl", "HIGH"), ("zlib", "LOW")], 1)
    ]
    image = make_image(team=team, vulnerabilities=found)
    rules = [
        {"kind": "findings", "severity": "critical"},
        {"kind": "findings", "severity": "low", "most": 2},
        {"kind": "findings", "fixable": True, "grace": 0},
        {"kind": "deny-vulnerability", "names": [CVE]},
        {"kind": "condition", "expect": "findings.total == 3"},
        {"kind": "condition", "expect": "findings.critical == 0"},
    ]
    order = {"pass": 0, "warn": 1, "unknown": 2, "fail": 3}
    for rule in rules:
        Exemption.objects.all().delete()
        enforce(rule)
        before = judge_now([image.pk])[image.pk]
        for number in (1, 2, 3):
            granted("everywhere", vulnerability=f"CVE-2099-000{number}")
            after = judge_now([image.pk])[image.pk]
            assert all(order[after[stage].verdict] <= order[before[stage].verdict] for stage in before), rule
            before = after


def parsed(body: bytes) -> Any:
    return openvex.parse(open_document(body))


def test_openvex_reads_back_as_it_was_decided(team) -> None:
    image = make_image(team=team)
    said = {"kind": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}
    granted("image", image, package="openssl", **said)
    granted("everywhere", reason="watched")
    body = document_of([Image.objects.select_related("finding_set").get(pk=image.pk)])
    report = parsed(body)
    first, second = report.statements
    assert (first.vulnerability, first.status, first.justification) == (CVE, "not_affected", said["justification"])
    assert (second.status, second.justification) == ("affected", "")
    assert "watched" in second.detail
    assert first.package.name == "openssl"
    assert first.images or first.products == (image.config_digest,)
    assert body == document_of([Image.objects.select_related("finding_set").get(pk=image.pk)]), "the same again"
    assert json.loads(document_of([]))["statements"] == []


def test_openvex_sent_back_in_sets_aside_what_was_decided(team) -> None:
    image = make_image(team=team)
    granted("image", image, kind="not_affected", justification="component_not_present")
    deliver(document_of([Image.objects.select_related("finding_set").get(pk=image.pk)]))
    image.refresh_from_db()
    assert (image.suppressed, image.findings_total) == (1, 0)


def test_a_repositorys_document_names_what_its_tags_name(team, admin, client, reader, stranger) -> None:
    image = make_image(team=team)
    granted("repository", image.repository)
    assert [one.pk for one in images_of(image.repository)] == [image.pk]
    answer = reader.get(f"{URL}openvex/?repository={image.repository_id}")
    assert "attachment" in answer["Content-Disposition"]
    assert len(parsed(answer.content).statements) == 1
    client.force_login(admin)
    page = client.get(reverse("exemptions:openvex"), {"image": image.pk})
    assert json.loads(page.content)["statements"] == json.loads(answer.content)["statements"]
    client.force_login(stranger)
    for query in ({"image": image.pk}, {"repository": image.repository_id}, {}, {"image": "9" * 30}):
        assert client.get(reverse("exemptions:openvex"), query).status_code == 404


def test_the_way_from_a_finding_to_a_granted_exemption(team, owner, admin, client) -> None:
    image = make_image(team=team)
    client.force_login(owner)
    findings = reverse("images:image_findings", args=[image.pk])
    text = client.get(findings).content.decode()
    link = f"{reverse('exemptions:exemption_new')}?image={image.pk}&amp;vulnerability={CVE}&amp;package=openssl"
    assert link in text
    form = client.get(link.replace("&amp;", "&")).content.decode()
    assert "Every image of registry.example/shop/api" in form
    assert "Every image of the fleet" not in form
    said = {"vulnerability": CVE, "package": "openssl", "scope": "repository", "kind": "accepted", "image": image.pk}
    said |= {"reason": "<i>no way in", "expires_on": str(later()), "justification": ""}
    new = reverse("exemptions:exemption_new")
    assert client.post(new, {**said, "expires_on": str(later(999))}).status_code == 422
    assert client.post(new, {**said, "scope": "everywhere"}).status_code == 422
    assert client.post(new, said).status_code == 302
    row = Exemption.objects.get()
    detail = reverse("exemptions:exemption_detail", args=[row.pk])
    assert "&lt;i&gt;no way in" in client.get(detail).content.decode()
    decided = reverse("exemptions:exemption_decide", args=[row.pk])
    assert client.post(decided, {"do": "decline"}).status_code == 422
    assert client.post(decided, {"do": "grant"}).status_code == 302
    settle_verdicts()
    assert "exempted until" in client.get(findings).content.decode()
    assert CVE in client.get(findings, {"suppressed": "exempted", "origin": "all"}).content.decode()
    assert "1 exempted" in client.get(reverse("images:image_detail", args=[image.pk])).content.decode()
    assert CVE in client.get(reverse("exemptions:exemption_list"), {"q": "openssl"}).content.decode()
    assert client.post(reverse("exemptions:exemption_revoke", args=[row.pk]), {"answer": ""}).status_code == 422
    assert client.post(reverse("exemptions:exemption_revoke", args=[row.pk]), {"answer": "fixed"}).status_code == 302
    assert "None that you may see" in client.get(reverse("exemptions:exemption_list"), {"q": CVE}).content.decode()


def test_over_http(team, admin, reader) -> None:
    image = make_image(team=team)
    machine = Machine(create_token(admin, "m", Token.Scope.ADMIN)[1])
    post = {"content_type": "application/json"}
    said = {"vulnerability": CVE, "scope": "base", "repository": str(image.repository), "reason": "x"}
    said["expires_on"] = str(later())
    assert machine.post(URL, json.dumps({**said, "repository": "nowhere/x"}), **post).status_code == 400
    made = machine.post(URL, json.dumps(said), **post)
    assert made.status_code == 201
    one = f"{URL}{made.json()['id']}/"
    assert reader.get(f"{one}concerned/").json() == {"images": 1, "running": 0}
    assert machine.post(f"{one}decide/", json.dumps({"grant": True}), **post).json()["stands"] == "granted"
    assert [row["id"] for row in reader.get(f"{URL}?q={CVE}&state=granted").json()["results"]] == [made.json()["id"]]
    assert reader.get(f"{URL}?state=expired").json()["results"] == []
    assert machine.post(f"{one}revoke/", json.dumps({"answer": "over"}), **post).json()["state"] == "revoked"


def test_lists_ask_as_often_for_many_as_for_few(team, admin, client, django_assert_max_num_queries) -> None:
    image = make_image(team=team)
    for number in range(12):
        granted("repository", image.repository, package=f"p{number}")
    client.force_login(admin)
    client.get(reverse("exemptions:exemption_list"))
    with django_assert_max_num_queries(15):
        client.get(reverse("exemptions:exemption_list"))
    with django_assert_max_num_queries(8):
        exempted_in([image.pk], timezone.now().date())


def test_the_digest_says_what_ends_soon_and_its_link_has_as_many_rows(team, admin, owner, client) -> None:
    image = make_image(team=team)
    granted("repository", image.repository, package="openssl", expires_on=later(5))
    granted("image", image, package="openssl", expires_on=later(9))
    granted("team", team, package="openssl", expires_on=later(60))
    stranger = make_image("registry.example/other/x:1")
    granted("image", stranger, expires_on=later(5))
    row = subscribe_address(admin, "shop@example.org", team, Wish())
    Subscription.objects.update(starts_at=timezone.now() - timedelta(days=70))
    row.refresh_from_db()
    told = brief(row, timezone.now())
    assert told is not None
    line = told.lines.get(words__contains="exemptions of")
    assert "2 exemptions within 14 days" in line.words
    client.force_login(owner)
    assert len(client.get(line.address).context["shown"]) == 2


def test_a_base_corrected_in_the_middle_of_a_chain_is_followed_to_its_end(team) -> None:
    base, middle, app = on_base(team)
    enforce({"kind": "findings", "severity": "high"})
    granted("base", base.repository)
    assert verdict(app) == ("pass", 1)
    elsewhere = make_image("registry.example/base/other:1", team=team)
    Image.objects.filter(pk=middle.pk).update(base=elsewhere)
    ask([middle.pk])
    assert verdict(app) == ("fail", 0)
