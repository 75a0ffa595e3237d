"""From rows to rules: tag history, terms and merged names as the database has them, bases of many images at once."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from governance.approvals.check import check_dockerfile, verdict_on
from governance.approvals.enforcers import ENFORCERS
from governance.approvals.facts import Base, Line, judge_all, judge_bases
from governance.approvals.models import ApprovedBase, KeptCopy
from governance.approvals.rules import current_list
from governance.approvals.users import users_of
from governance.images.models import Image, Registry, Tag
from governance.images.reference import parse_reference
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db
JAVA = "registry.example/base/java"


def make_entry(name: str = JAVA, pattern: str = "17*", state: str = "approved", **fields: object) -> ApprovedBase:
    return ApprovedBase.objects.create(name=name, pattern=pattern, state=state, **fields)


def moved(days: int) -> tuple[Image, Image]:
    """(what tag 17 left so many days ago, what it points to now)."""
    old, new = make_image(f"{JAVA}:17", config=digest_of("old")), make_image(f"{JAVA}:17-new", config=digest_of("new"))
    at = timezone.now() - timedelta(days=days)
    tag = Tag.objects.get(image=old)
    Tag.objects.filter(pk=tag.pk).update(since=at - timedelta(days=90), last_seen=at, until=at)
    Tag.objects.create(repository=tag.repository, name="17", image=new, since=at, last_seen=at)
    return old, new


def said(text: str) -> str:
    reference = parse_reference(text)
    assert reference
    return judge_all([Line(reference)])[0].verdict


def test_a_moved_tag_is_followed_and_the_earlier_digest_ages() -> None:
    moved(10)
    entry = make_entry(outdated_days=30)
    assert [said(f"{JAVA}@{digest_of(word)}") for word in ("old", "new")] == ["allow", "allow"]
    ApprovedBase.objects.filter(pk=entry.pk).update(outdated_days=9)
    assert [said(f"{JAVA}@{digest_of(word)}") for word in ("old", "new")] == ["deny", "allow"]


def test_images_are_judged_by_their_base_in_a_fixed_number_of_statements(django_assert_num_queries) -> None:
    old, new = moved(10)
    make_entry(outdated_days=5)
    make_entry(f"{JAVA}-banned", "*", "banned")
    bases = [Base(old.pk), Base(new.pk), Base(0, f"{JAVA}-banned:1"), Base(0, "docker.io/library/busybox:1"), Base(0)]
    # The entries, where the bases lie with the copies that are kept, and the tags of those that are named.
    with django_assert_num_queries(3):
        found = judge_bases(bases)
    assert [found[base].verdict for base in bases] == ["deny", "allow", "deny", "unknown", "unknown"]


def test_the_same_content_is_as_good_as_its_best_name() -> None:
    mirrored = make_image("registry.example/mirror/alpine:3", config=digest_of("same"))
    make_image("alpine:3", config=digest_of("same"))
    make_entry("docker.io/library/alpine", "*", "banned")
    make_entry("registry.example/mirror/alpine", "3*")
    assert judge_bases([Base(mirrored.pk)])[Base(mirrored.pk)].verdict == "allow"
    make_entry("docker.io/library/alpine", digest_of("same"), "banned")
    assert judge_bases([Base(mirrored.pk)])[Base(mirrored.pk)].verdict == "deny"


def test_terms_reach_references_and_documents() -> None:
    make_image(f"{JAVA}:17", config=digest_of("java"))
    make_entry(max_high=0, breach="deny")
    assert (said(f"{JAVA}:17"), said(f"{JAVA}:17.1")) == ("deny", "allow")
    assert said(f"{JAVA}@{digest_of('java')}") == "deny"
    rules = [(rule.tag, rule.verdict) for rule in current_list().rules if rule.tags]
    assert rules == [("17", "deny"), ("", "allow")]


def test_the_copy_is_judged_as_what_was_copied_and_may_be_asked_for() -> None:
    java = make_image(f"{JAVA}:17", config=digest_of("java"))
    make_entry(must_be_kept=True, breach="deny")
    assert said(f"{JAVA}:17") == "deny"
    registry = Registry.objects.create(host="own.example")
    place = f"kept/{JAVA}"
    copy = KeptCopy.objects.create(
        name=JAVA, tag="17", digest=digest_of("java"), registry=registry, place=place, digests=[digest_of("java")]
    )
    # What is under way is not kept.
    assert (said(f"own.example/{place}:17"), judge_bases([Base(java.pk)])[Base(java.pk)].verdict) == ("unknown", "deny")
    KeptCopy.objects.update(state="kept")
    assert (said(f"{JAVA}:17"), said(f"own.example/{place}:17"), said(copy.internal)) == ("deny", "allow", "allow")
    assert judge_bases([Base(java.pk)])[Base(java.pk)].verdict == "allow"
    assert judge_bases([Base(0, copy.internal)])[Base(0, copy.internal)].verdict == "allow"
    answers = check_dockerfile(f"FROM {JAVA}:17\nFROM {copy.internal}\n")
    assert [one.said.verdict for one in answers] == ["deny", "allow"]
    assert answers[0].said.replacement == copy.internal
    # Another tag of the same content is answered with the same copy.
    make_image(f"{JAVA}:17.0.2", config=digest_of("java"))
    assert check_dockerfile(f"FROM {JAVA}:17.0.2\n")[0].said.replacement == copy.internal
    Image.objects.filter(pk=make_image("shop/app:1").pk).update(base_name=copy.internal)
    assert users_of([ApprovedBase.objects.get()], None)[ApprovedBase.objects.get().pk].images == 1


def test_of_a_tag_with_several_platforms_the_worst_counts() -> None:
    first = make_image(f"{JAVA}:17", config=digest_of("amd64"), vulnerabilities=[])
    second = make_image(f"{JAVA}:arm", config=digest_of("arm64"))
    tag = Tag.objects.get(image=first)
    Tag.objects.create(
        repository=tag.repository, name="17", platform="linux/arm64", image=second, since=tag.since, last_seen=tag.since
    )
    make_entry(max_high=0)
    assert said(f"{JAVA}:17") == "warn"
    assert [rule.verdict for rule in current_list().rules if rule.tag] == ["warn"]
    assert (said(f"{JAVA}@{digest_of('amd64')}"), said(f"{JAVA}@{digest_of('arm64')}")) == ("allow", "warn")


def test_grace_runs_from_the_first_scan_that_named_a_fix() -> None:
    make_image(f"{JAVA}:17", config=digest_of("java"), at="2026-08-20T09:30:00Z")
    make_entry(grace=14)
    reference = parse_reference(f"{JAVA}:17")
    assert reference
    first = timezone.datetime(2026, 8, 20).date()
    for days, verdict in ((14, "allow"), (15, "warn")):
        assert judge_all([Line(reference)], first + timedelta(days=days))[0].verdict == verdict


def test_a_dockerfile_is_answered_line_by_line() -> None:
    make_entry("docker.io/library/alpine", "3.19*", "banned", replacement="docker.io/library/alpine:3.22")
    make_entry("docker.io/library/alpine", "3.22*")
    answers = check_dockerfile(
        "ARG V=3.19\nFROM alpine:$V AS a\nFROM alpine:3.22\nFROM scratch\nFROM a\nFROM busybox\n"
    )
    assert [one.said.verdict for one in answers] == ["deny", "allow", "allow", "allow", "unknown"]
    assert answers[0].said.replacement == "docker.io/library/alpine:3.22"
    assert verdict_on(answers) == "deny"


def test_the_command_checks_and_exports(tmp_path) -> None:
    make_entry("docker.io/library/alpine", "3.19*", "banned", replacement="docker.io/library/alpine:3.22")
    bad, good = tmp_path / "Dockerfile", tmp_path / "Good"
    bad.write_text("FROM alpine:3.19\n")
    good.write_text("FROM scratch\n")
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("approved", "check", str(bad), str(good), stdout=out)
    assert stopped.value.code == 1
    lines = out.getvalue().splitlines()
    assert lines[0].startswith(f"{bad}:1: deny: alpine:3.19: ")
    assert lines[1].startswith(f"{good}:1: allow: scratch: ")
    call_command("approved", "check", str(good), stdout=out)
    call_command("approved", "export", str(tmp_path / "out"), stdout=out)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {one.FILE for one in ENFORCERS}
    assert json.loads((tmp_path / "out" / "approved.json").read_text())["rules"][0]["verdict"] == "deny"
