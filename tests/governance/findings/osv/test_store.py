"""Loading an ecosystem: only what changed is written, and a file that lacks much is not believed."""

import io
from typing import Any

import pytest
from django.db import connection

from governance.findings.models import Finding, Scan
from governance.findings.osv import store
from governance.findings.osv.advice import Affected, Statement
from governance.findings.osv.models import OsvAffected, OsvChange, OsvEcosystem, OsvRecord
from governance.findings.osv.store import load, united
from governance.findings.report import Severity
from scanning.feeds.osv import Archive
from tests.make import deliver
from tests.make_osv import catch_up, feed, make_advisory, make_cyclonedx, make_zip

pytestmark = pytest.mark.django_db


def places() -> dict[str, str]:
    """{record: where its row lies}."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, ctid::text FROM findings_osvrecord")
        return dict(cursor.fetchall())


def test_only_what_changed_is_written() -> None:
    feed(*(make_advisory(f"DSA-{number}") for number in range(5)))
    before = places()
    loaded = feed(
        *(make_advisory(f"DSA-{number}") for number in range(1, 4)),
        make_advisory("DSA-4", fixed="9"),
        make_advisory("DSA-5"),
    )
    assert (loaded.records, loaded.new, loaded.changed, loaded.gone) == (5, 1, 1, 1)
    after = places()
    assert {name for name in before.keys() & after.keys() if before[name] == after[name]} == {"DSA-1", "DSA-2", "DSA-3"}
    assert str(loaded) == "Debian: 5 records, 1 new, 1 changed, 1 gone"


def test_the_same_again_changes_no_generation() -> None:
    feed(make_advisory())
    before = OsvEcosystem.objects.get()
    assert feed(make_advisory()).new == 0
    after = OsvEcosystem.objects.get()
    assert (after.generation, after.changed_at) == (before.generation, before.changed_at)
    feed(make_advisory("GHSA-1", "a", "npm"), ecosystem="npm")
    assert OsvEcosystem.objects.get(name="npm").generation > before.generation


def test_an_ecosystems_file_speaks_for_no_other() -> None:
    advisory = make_advisory("GHSA-1", "a", "npm")
    advisory["affected"] += make_advisory("GHSA-1", "b", "PyPI")["affected"]
    feed(advisory, ecosystem="npm")
    assert list(OsvAffected.objects.values_list("package", "ecosystem__name")) == [("a", "npm")]


def test_a_record_that_cannot_be_read_any_more_stays_as_it_was() -> None:
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.15-1"))
    feed(make_advisory(), make_advisory("DSA-2"))
    loaded = feed(make_advisory(aliases="x"), make_advisory("DSA-2"))
    assert (loaded.records, loaded.gone, loaded.unreadable) == (2, 0, 1)
    assert OsvAffected.objects.count() == 2
    ecosystem = OsvEcosystem.objects.get()
    assert ecosystem.unreadable == 1
    assert len(Scan.objects.get(scanner="osv").finding_set.findings) == 2


def test_texts_that_the_database_would_refuse_are_cleaned() -> None:
    feed(
        make_advisory(
            summary="a\x00b",
            details="\x00",
            aliases=["x\x00"],
            affected=[{"package": {"ecosystem": "Debian:12\x00", "name": "o\x00p"}, "versions": ["1\x00"]}],
        )
    )
    assert OsvRecord.objects.get().summary == "ab"
    assert OsvAffected.objects.get().package == "op"


def test_a_new_release_concerns_all_images_and_a_new_record_those_with_its_package() -> None:
    feed(make_advisory(), match=False)
    assert list(OsvChange.objects.values_list("package", flat=True)) == [""]
    feed(make_advisory(), make_advisory("DSA-2", "zlib"), match=False)
    OsvChange.objects.filter(package="").delete()
    feed(make_advisory(), make_advisory("DSA-2", "zlib", fixed="2"), match=False)
    assert set(OsvChange.objects.values_list("package", flat=True)) == {"zlib"}


def test_several_products_of_one_release_are_one_row() -> None:
    rows = [
        Affected("SUSE", "15.4", "a", Statement(versions=("1",)), Severity.LOW, "low"),
        Affected("SUSE", "15.4", "a", Statement(versions=("1", "2")), Severity.HIGH, "high"),
        Affected("SUSE", "15.5", "a", Statement(versions=("3",))),
        Affected("npm", "", "a", Statement(versions=("3",))),
    ]
    found = list(united(rows, "SUSE"))
    assert [(one.release, one.statement.versions, one.severity) for one in found] == [
        ("15.4", ("1", "2"), Severity.HIGH),
        ("15.5", ("3",), Severity.UNKNOWN),
    ]


@pytest.mark.parametrize("first", [True, False])
def test_a_load_that_breaks_off_carries_on_where_it_was(first: bool, monkeypatch: Any) -> None:
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.15-1"))
    if not first:
        feed(make_advisory("DSA-9"), make_advisory("DSA-2", fixed="1"))
    monkeypatch.setattr(store, "AT_ONCE", 1)
    archive = Archive(io.BytesIO(make_zip(make_advisory(), make_advisory("DSA-2"))), "Debian")

    def broken(_: object) -> Any:
        yield next(iter(Archive.records(archive, ["DSA-2"])))
        raise ConnectionError

    monkeypatch.setattr(archive, "records", broken)
    with pytest.raises(ConnectionError):
        load(archive)
    monkeypatch.undo()
    catch_up()
    # What is loaded for the first time says nothing before it is all there; what was loaded before is in use.
    found = [] if first else ["DSA-2", "DSA-9"]
    assert sorted(Finding.objects.filter(pk__in=said()).values_list("advisory__name", flat=True)) == found
    assert load(archive).new == 1
    catch_up()
    assert sorted(Finding.objects.filter(pk__in=said()).values_list("advisory__name", flat=True)) == [
        "DEBIAN-CVE-2099-0001",
        "DSA-2",
    ]


def said() -> list[int]:
    """Findings of the image by `osv`."""
    scan = Scan.objects.filter(scanner="osv").first()
    return scan.finding_set.findings if scan else []
