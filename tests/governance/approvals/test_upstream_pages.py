"""Pages of alarms, watches and copies; that each act is audited, and refused to whom it does not belong."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from governance.accounts.models import AuditEntry, Team
from governance.approvals.copies import ask_copy, let_go, name_place, restore_copy, retry_copy
from governance.approvals.models import ApprovedBase, CopyPlace, KeptCopy, UpstreamAlarm, Watch
from governance.approvals.watches import close_alarm
from governance.images.models import Manifest, Registry
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db
JAVA, DIGEST = "registry.example/base/java", digest_of("index")


def page(client: Any, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def make_copy(state: str = "kept", **fields: Any) -> KeptCopy:
    registry, _ = Registry.objects.get_or_create(host="own.example")
    given = {"tag": "17", "place": f"kept/{JAVA}", "digests": [DIGEST], "platforms": ["linux/amd64"], **fields}
    return KeptCopy.objects.create(name=JAVA, digest=DIGEST, registry=registry, state=state, **given)


def make_alarm(team: Team | None = None, **fields: Any) -> UpstreamAlarm:
    owners = [team.pk] if team else []
    watch = Watch.objects.create(name=JAVA, tag="17", seen_digest=DIGEST, state="vanished", owners=owners, is_used=True)
    given = {
        "kind": "vanished",
        "text": f"{JAVA}:17 has vanished: <b>gone</b>.",
        "images": 7,
        "running": 3,
        "teams": owners,
    }
    return UpstreamAlarm.objects.create(watch=watch, **given | fields)


def test_an_alarm_says_who_is_affected_and_what_to_write_instead(team, mate, stranger, admin, client) -> None:
    make_alarm(team)
    copy = make_copy()
    client.force_login(admin)
    text = page(client, "approved:alarm_list")
    assert "&lt;b&gt;gone" in text
    assert "7 images" in text
    assert "3 running" in text
    assert f"FROM {copy.internal}" in text
    client.force_login(mate)
    assert "your images" in page(client, "approved:alarm_list")
    client.force_login(stranger)
    assert "Nothing was looked at yet" in page(client, "approved:alarm_list")
    Watch.objects.create(name=JAVA, tag="21", state="fine", is_approved=True)
    assert "No alarm is open" in page(client, "approved:alarm_list")


def test_closing_an_alarm_takes_a_reason_and_is_audited(team, mate, admin) -> None:
    alarm = make_alarm(team)
    with pytest.raises(PermissionDenied):
        close_alarm(mate, alarm, "rebuilt")
    with pytest.raises(ValidationError):
        close_alarm(admin, alarm, " ")
    close_alarm(admin, alarm, "rebuilt on 21")
    alarm.refresh_from_db()
    assert alarm.ended_at
    assert alarm.closed_by == f"user {admin.pk} {admin.username}"
    assert AuditEntry.objects.get(action="upstream.close").reason == "rebuilt on 21"


def test_what_is_unknown_is_counted_and_never_fine(admin, client) -> None:
    Watch.objects.create(name=JAVA, tag="17", state="unknown", why="too many requests", is_approved=True)
    Watch.objects.create(name=JAVA, tag="21", state="fine", is_approved=True)
    client.force_login(admin)
    text = page(client, "approved:alarm_list")
    assert "1 unknown" in text
    assert "1 there" in text
    assert "too many requests" in page(client, "approved:watch_list", state="unknown")


def test_a_base_shows_its_copy_and_what_to_write_wherever_it_is_shown(admin, client) -> None:
    entry = ApprovedBase.objects.create(name=JAVA, pattern="17*", state="approved")
    Watch.objects.create(name=JAVA, tag="17", seen_digest=DIGEST, state="fine", is_approved=True)
    image = make_image(f"{JAVA}:17", config=digest_of("java"))
    Manifest.objects.create(image=image, digest=DIGEST, source="test", first_seen=image.first_seen)
    client.force_login(admin)
    assert "No registry for copies is named" in page(client, "approved:base_detail", entry.pk)
    name_place(None, Registry.objects.create(host="own.example"), "kept", True)
    assert "Keep a copy" in page(client, "approved:base_detail", entry.pk)
    copy = make_copy("copying", job="copy", done=50, total=200)
    text = page(client, "approved:copy_detail", copy.pk)
    assert "25 %" in text
    assert "hx-trigger" in text
    assert copy.internal not in text
    KeptCopy.objects.update(state="kept", job="verify")
    for name, pk in (("base_detail", entry.pk), ("copy_detail", copy.pk)):
        assert f"FROM {copy.internal}" in page(client, f"approved:{name}", pk)
    assert copy.internal in page(client, "approved:copy_list")
    assert f"FROM {copy.internal}" in page(client, "images:image_detail", image.pk)


def test_only_whole_copies_are_put_back_and_only_by_administrators(team, owner, mate, admin, client) -> None:
    ApprovedBase.objects.create(name=JAVA, pattern="17*", state="approved", owner=team)
    copy = make_copy("missing")
    retry_copy(owner, copy)
    copy.refresh_from_db()
    assert copy.job == "copy"
    for verb in (restore_copy, let_go):
        with pytest.raises(PermissionDenied):
            verb(owner, copy, "because")
    with pytest.raises(PermissionDenied):
        retry_copy(mate, copy)
    client.force_login(admin)
    answer = client.post(reverse("approved:copy_restore", args=[copy.pk]), {"reason": "gone"})
    assert answer.status_code == 422
    assert "not whole" in answer.content.decode()
    KeptCopy.objects.update(state="kept")
    assert client.post(reverse("approved:copy_restore", args=[copy.pk]), {"reason": "gone"}).status_code == 302
    copy.refresh_from_db()
    assert copy.job == "restore"
    let_go(admin, copy, "not needed")
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "copy.retry",
        "copy.restore",
        "copy.let_go",
    ]


def test_a_copy_is_asked_for_what_the_entry_means_in_the_place_that_is_named(admin) -> None:
    entry = ApprovedBase.objects.create(name=JAVA, pattern="17*", state="approved")
    with pytest.raises(ValidationError, match="No registry"):
        ask_copy(admin, entry, DIGEST, "17")
    first, second = (Registry.objects.create(host=host) for host in ("own.example:5000", "other.example"))
    name_place(admin, first, "kept/bases", True)
    with pytest.raises(ValidationError, match="means"):
        ask_copy(admin, entry, DIGEST, "21")
    with pytest.raises(ValidationError):
        ask_copy(admin, entry, "sha256:../../etc", "17")
    with pytest.raises(ValidationError):
        name_place(admin, second, "../up", True)
    row = ask_copy(admin, entry, DIGEST, "17.1")
    assert row.internal == f"own.example:5000/kept/bases/{JAVA}:17.1@{DIGEST}"
    assert ask_copy(admin, entry, DIGEST, "17").pk == row.pk
    name_place(admin, second, "", False)
    assert [(str(one), one.is_current) for one in CopyPlace.objects.order_by("pk")] == [
        ("own.example:5000/kept/bases", False),
        ("other.example", True),
    ]
    assert KeptCopy.objects.holding([DIGEST], "own.example:5000").get() == row


def test_lists_take_a_fixed_number_of_statements(team, admin, client, django_assert_max_num_queries) -> None:
    make_copy()
    alarm = make_alarm(team)
    for number in range(5):
        watch = Watch.objects.create(name=JAVA, tag=f"1{number}", owners=[team.pk])
        UpstreamAlarm.objects.create(watch=watch, kind="ended", text="over", teams=alarm.teams)
        KeptCopy.objects.create(
            name=JAVA, digest=digest_of(str(number)), registry=Registry.objects.get(host="own.example")
        )
    client.force_login(admin)
    # Session, person, frame; rows; states; for alarms the teams and the copies, for copies their place.
    for name in ("alarm_list", "watch_list", "copy_list"):
        with django_assert_max_num_queries(11):
            page(client, f"approved:{name}")
