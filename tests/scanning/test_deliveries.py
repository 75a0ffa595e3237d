"""The inbox: what it acknowledges it keeps, what it finishes it finishes once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, connections
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from governance.accounts.models import AuditEntry, User
from governance.findings.models import Finding, FindingSet, Scan
from governance.images.models import Image
from scanning import deliveries, ingest
from scanning.deliveries import ATTEMPTS, Envelope, Figures, KeyReused, LostLease, accept, claim, finish, replay
from scanning.models import Delivery, DeliveryBody
from scanning.slots import take_slot
from tests.make import deliver, digest_of, make_body, make_report, make_token

CONFIG = digest_of("config")


@pytest.fixture
def report() -> dict:
    return make_report(config=CONFIG)


@pytest.mark.django_db
def test_the_same_report_again_is_the_first_delivery(report) -> None:
    first = accept(make_body(report), Envelope(), ring=False)
    assert accept(make_body(report), Envelope(), ring=False) == (first[0], True)


@pytest.mark.django_db
def test_another_stage_is_another_report(report) -> None:
    first, _ = accept(make_body(report), Envelope(), ring=False)
    assert accept(make_body(report), Envelope(stage="registry"), ring=False)[0] != first


@pytest.mark.django_db
def test_a_key_stands_for_one_report(report) -> None:
    envelope = Envelope(idempotency_key="build 7")
    first, _ = accept(make_body(report), envelope, ring=False)
    assert accept(make_body(report), envelope, ring=False) == (first, True)
    with pytest.raises(KeyReused):
        accept(make_body({}), envelope, ring=False)


@pytest.mark.django_db
def test_keys_of_different_senders_do_not_meet(report) -> None:
    ids = {accept(make_body(report), Envelope(make_token()[0], idempotency_key="1"), ring=False)[0] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.django_db
def test_a_claimed_delivery_is_not_given_out_twice(report) -> None:
    accept(make_body(report), Envelope(), ring=False)
    assert claim()
    assert claim() is None


@pytest.mark.django_db
def test_a_lease_that_ran_out_is_taken_over_and_the_old_owner_changes_nothing(report) -> None:
    pk, _ = accept(make_body(report), Envelope(), ring=False)
    old = claim()
    Delivery.objects.filter(pk=pk).update(lease_until=Now() - deliveries.timedelta(seconds=1))
    new = claim()
    assert new.id == old.id
    with pytest.raises(LostLease):
        finish(old, Figures("", "", "", "", timezone.now(), {}))
    ingest.process(old)
    assert Scan.objects.count() == 0
    ingest.process(new)
    assert Scan.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b"hello", "not recognised"),
        (b'{"a": 1}', "not recognised"),
        (b"\xff\xff", "not UTF-8"),
        (b"[" * 70 + b"]" * 70, "deeper than 64"),
        (b'{"SchemaVersion": 2, "ArtifactName": "a", "Results": "x"}', "Results"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_reason(body: bytes, words: str) -> None:
    delivery = deliver(body)
    assert delivery.state == "quarantined"
    assert words in delivery.error
    assert deliveries.read_body(delivery) == body
    assert not Image.objects.exists()


@pytest.mark.django_db
def test_a_hostile_value_reaches_no_column() -> None:
    report = make_report("registry.example/shop/api:1.0\x00", config=CONFIG)
    report["Results"][0]["Vulnerabilities"][0] |= {
        "Title": "\x00" + "x" * 10_000,
        "InstalledVersion": "1" * 5_000,
        "FixedVersion": "\x00",
        "PrimaryURL": "javascript:alert(1)",
        "PublishedDate": "0000-02-30T00:00:00Z",
    }
    report["Metadata"]["Size"] = 2**62
    report["CreatedAt"] = "9999-12-31T23:59:59Z"
    delivery = deliver(report)
    assert delivery.state == "done", delivery.error
    finding = Finding.objects.select_related("advisory__vulnerability").get()
    assert finding.advisory.vulnerability.url == ""
    assert "set back" in delivery.result["reasons"][0]


@pytest.mark.django_db
def test_a_fault_of_ours_is_tried_three_times_then_put_aside(report, monkeypatch) -> None:
    pk, _ = accept(make_body(report), Envelope(), ring=False)
    monkeypatch.setattr(ingest, "record_report", lambda *_: 1 / 0)
    for _ in range(ATTEMPTS):
        Delivery.objects.filter(pk=pk).update(next_attempt_at=Now())
        ingest.process(claim(pk))
    delivery = Delivery.objects.get(pk=pk)
    assert (delivery.state, delivery.error_class) == ("quarantined", "Unexpected")
    assert not Scan.objects.exists()


@pytest.mark.django_db
def test_a_database_trouble_costs_no_attempt(report, monkeypatch) -> None:
    pk, _ = accept(make_body(report), Envelope(), ring=False)

    def trouble(*_: object) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(ingest, "record_report", trouble)
    monkeypatch.setattr(connections["default"], "close", lambda: None)
    ingest.process(claim(pk))
    delivery = Delivery.objects.get(pk=pk)
    assert (delivery.state, delivery.attempts) == ("received", 0)


@pytest.mark.django_db
def test_one_that_kills_its_worker_is_put_aside(report) -> None:
    pk, _ = accept(make_body(report), Envelope(), ring=False)
    Delivery.objects.filter(pk=pk).update(attempts=ATTEMPTS)
    ingest.process(claim(pk))
    assert Delivery.objects.get(pk=pk).error_class == "Crashed"


@pytest.mark.django_db
def test_replay_reads_again_and_is_audited(admin: User) -> None:
    delivery = deliver(b'{"a": 1}')
    replay(admin, delivery)
    assert Delivery.objects.get(pk=delivery.pk).state == "received"
    assert AuditEntry.objects.get().action == "delivery.replay"
    replay(admin, delivery)
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_replay_is_for_administrators(owner: User) -> None:
    delivery = deliver(b'{"a": 1}')
    with pytest.raises(PermissionDenied):
        replay(owner, delivery)


@pytest.mark.django_db
def test_old_bodies_of_processed_deliveries_go_and_quarantined_ones_stay(report, settings) -> None:
    done, aside = deliver(report), deliver(b"{")
    Delivery.objects.update(finished_at=F("finished_at") - deliveries.timedelta(days=31))
    assert deliveries.prune() == 1
    assert set(DeliveryBody.objects.values_list("delivery", flat=True)) == {aside.pk} != {done.pk}


@pytest.mark.django_db
def test_a_teams_token_may_not_write_into_another_teams_repository(team, stranger, report) -> None:
    deliver(report, viewer=make_token(team=team)[0])
    other = stranger.teams.get()
    delivery = deliver(report, viewer=make_token(team=other)[0])
    assert (delivery.state, delivery.error_class) == ("quarantined", "NotYours")
    assert Scan.objects.count() == 1


@pytest.mark.django_db
def test_a_slot_is_taken_once() -> None:
    assert [take_slot("weekly", 3600) for _ in range(3)].count(True) == 1


def in_threads(count: int, work) -> list:
    """Run with a connection each, closed afterwards."""

    def run(number: int) -> object:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_the_same_report_from_eight_clients_at_once_is_one_delivery(report) -> None:
    barrier = threading.Barrier(8)

    def send(_: int) -> set[int]:
        barrier.wait()
        return {accept(make_body(report), Envelope(), ring=False)[0] for _ in range(10)}

    ids = set.union(*in_threads(8, send))
    assert len(ids) == 1
    in_threads(4, lambda _: ingest.work_off(5))
    assert (Delivery.objects.count(), Scan.objects.count(), FindingSet.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_many_reports_of_one_image_in_parallel_end_as_if_one_after_the_other() -> None:
    for number in range(24):
        day = f"2026-10-{number + 1:02}T09:00:00Z"
        names = {"RepoDigests": [f"registry.example/shop/api@{digest_of('index')}"]} if number % 2 else {}
        config = CONFIG if number % 3 else None
        document = make_report(
            f"registry.example/shop/api@{digest_of('index')}" if config is None else "registry.example/shop/api:1.0",
            config=config,
            at=day,
            **names,
        )
        accept(make_body(document), Envelope(stage=("ci", "registry", "runtime")[number % 3]), ring=False)
    in_threads(4, lambda _: ingest.work_off(20))
    assert set(Delivery.objects.values_list("state", "error")) == {("done", "")}
    assert Image.objects.present().count() == 1
    assert Scan.objects.count() == 24
    assert sorted(Scan.objects.filter(is_current=True).values_list("stage", "scanned_at__day")) == [
        ("ci", 22),
        ("registry", 23),
        ("runtime", 24),
    ]
