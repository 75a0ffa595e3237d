"""A new advisory finds the images it concerns, whose package lists are known, without a scan."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.findings.models import OSV, Finding, FindingSet, Scan
from governance.findings.osv.models import Matched, OsvRecord, Rematch
from governance.findings.osv.rematch import SLICE, wait_all, work_off
from governance.findings.osv.store import unload
from governance.images.models import Image
from governance.overview import said as overview
from tests.make import deliver, digest_of, make_grype, make_report, make_vulnerability
from tests.make_osv import catch_up, feed, make_advisory, make_cyclonedx, make_syft

pytestmark = pytest.mark.django_db
OPENSSL = "pkg:deb/debian/openssl@3.0.15-1?arch=amd64"
LIBSSL = "pkg:deb/debian/libssl3@3.0.15-1?upstream=openssl"


def said(image: Image | None = None) -> list[tuple[Any, ...]]:
    """What `osv` says of the image: (advisory, package, severity, fix)."""
    scan = Scan.objects.get(scanner=OSV, image=image or Image.objects.get())
    rows = Finding.objects.filter(pk__in=scan.finding_set.findings)
    return sorted(rows.values_list("advisory__name", "package__name", "severity", "fixed_version"))


def test_a_new_advisory_finds_an_image_that_only_an_sbom_knows() -> None:
    deliver(make_cyclonedx(OPENSSL, LIBSSL, "pkg:deb/debian/zlib1g@1.2.13"))
    assert Image.objects.get().state == "unknown"
    feed(make_advisory())
    assert said() == [
        ("DEBIAN-CVE-2099-0001", "libssl3", 4, "3.0.16-1"),
        ("DEBIAN-CVE-2099-0001", "openssl", 4, "3.0.16-1"),
    ]
    image = Image.objects.get()
    assert (image.state, image.high, image.fixable) == ("vulnerable", 2, 2)
    assert Finding.objects.filter(advisory__vulnerability__name="CVE-2099-0001").count() == 2


def test_a_list_that_comes_after_the_advisories_is_matched_with_its_report() -> None:
    feed(make_advisory())
    deliver(make_syft((OPENSSL, "openssl", "3.0.15-1")))
    assert said() == [("DEBIAN-CVE-2099-0001", "openssl", 4, "3.0.16-1")]
    assert not Rematch.objects.exists()


def test_a_list_that_nothing_is_known_against_is_clean() -> None:
    feed(make_advisory())
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.16-1"))
    assert said() == []
    assert Image.objects.get().state in ("clean", "stale")


def test_a_withdrawn_advisory_closes_what_it_found() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory(), make_advisory("DEBIAN-CVE-2099-0002"))
    feed(make_advisory(withdrawn="2026-09-01T00:00:00Z"), make_advisory("DEBIAN-CVE-2099-0002"))
    assert [row[0] for row in said()] == ["DEBIAN-CVE-2099-0002"]
    feed(make_advisory(withdrawn="2026-09-01T00:00:00Z"))
    assert Image.objects.get().high == 0


def test_a_changed_range_changes_what_is_found() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory(fixed="3.0.15-1"), make_advisory("DEBIAN-CVE-2099-0009", "zlib"))
    assert said() == []
    feed(make_advisory(fixed=None), make_advisory("DEBIAN-CVE-2099-0009", "zlib"))
    assert said() == [("DEBIAN-CVE-2099-0001", "openssl", 4, "")]
    feed(make_advisory(fixed="3.0.17-1", severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/nonsense"}]))
    assert said() == [("DEBIAN-CVE-2099-0001", "openssl", 0, "3.0.17-1")]


def test_releases_of_a_distribution_are_told_apart() -> None:
    deliver(make_cyclonedx(OPENSSL, name="registry.example/a:1", config="a", system="debian 12.11"))
    deliver(make_cyclonedx(OPENSSL, name="registry.example/b:1", config="b", system="debian 11.9"))
    feed(make_advisory(), make_advisory("DEBIAN-CVE-2099-0002", ecosystem="Debian:11"))
    names = {image.repository.name: said(image) for image in Image.objects.all() if image.repository}
    assert [row[0] for row in names["a"]] == ["DEBIAN-CVE-2099-0001"]
    assert [row[0] for row in names["b"]] == ["DEBIAN-CVE-2099-0002"]


def test_where_no_advisories_are_loaded_for_a_release_nothing_is_said() -> None:
    deliver(make_cyclonedx(OPENSSL, system="debian 10.13"))
    feed(make_advisory())
    assert not Scan.objects.filter(scanner=OSV).exists()
    assert Image.objects.get().state == "unknown"


def test_half_a_list_that_looks_clean_is_not_called_so() -> None:
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.15-1", "pkg:pypi/jinja2@3.1.0"))
    feed(make_advisory("PYSEC-2099-1", "jinja2", "PyPI", "3.0"), ecosystem="PyPI")
    assert Image.objects.get().state == "unknown"
    feed(make_advisory("PYSEC-2099-1", "jinja2", "PyPI", "3.2"), ecosystem="PyPI")
    assert said() == [("PYSEC-2099-1", "jinja2", 4, "3.2")]
    feed(make_advisory("PYSEC-2099-1", "jinja2", "PyPI", "3.1"), ecosystem="PyPI")
    assert Image.objects.get().state == "unknown"


def test_advisories_of_several_ecosystems_are_one_word() -> None:
    deliver(make_cyclonedx(OPENSSL, "pkg:npm/%40invented/tool@1.2.0-rc.1", "pkg:maven/com.invented/core@2.0"))
    feed(make_advisory("GHSA-0000-0000-0001", "@invented/tool", "npm", "1.2.0"), ecosystem="npm")
    feed(make_advisory("GHSA-0000-0000-0002", "com.invented:core", "Maven", "2.0.1"), ecosystem="Maven")
    feed(make_advisory())
    assert [row[:2] for row in said()] == [
        ("DEBIAN-CVE-2099-0001", "openssl"),
        ("GHSA-0000-0000-0001", "@invented/tool"),
        ("GHSA-0000-0000-0002", "com.invented:core"),
    ]


def test_it_is_one_witness_among_others() -> None:
    feed(make_advisory("DEBIAN-CVE-2099-0001", fixed="1.1"), make_advisory("DEBIAN-CVE-2099-0002", fixed="1.1"))
    config = digest_of("config")
    report = make_report(config=config, vulnerabilities=[make_vulnerability(FixedVersion="1.1")])
    report["Results"][0]["Packages"] = [
        {"Name": "openssl", "Version": "1.0", "Identifier": {"PURL": "pkg:deb/debian/openssl@1.0"}}
    ]
    deliver(report)
    image = Image.objects.get()
    assert image.high == 2
    assert len(image.finding_set.disputes["alone"]) == 1
    deliver(make_grype("CVE-2099-0002"))
    image.refresh_from_db()
    assert (image.high, image.findings_total) == (2, 2)


def test_images_that_share_a_list_share_what_is_found(django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        deliver(make_cyclonedx(OPENSSL, name=f"registry.example/shop/api:{number}", config=f"config {number}"))
    feed(make_advisory())
    assert Scan.objects.filter(scanner=OSV).values("finding_set").distinct().count() == 1
    assert Scan.objects.filter(scanner=OSV).count() == 5
    assert Matched.objects.count() == 1


def test_nothing_is_written_where_nothing_changed() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory())
    before = rows()
    wait_all()
    work_off()
    assert rows() == before
    feed(make_advisory(), make_advisory("DEBIAN-CVE-2099-0002", fixed="1.0"))
    assert rows() == before


def rows() -> list[Any]:
    """Scans, images and sets with the places their rows lie in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 's', ctid::text, id FROM findings_scan UNION ALL SELECT 'i', ctid::text, id FROM images_image"
            " UNION ALL SELECT 'f', ctid::text, id FROM findings_findingset ORDER BY 1, 3"
        )
        return list(cursor.fetchall())


def test_without_advisories_nothing_waits_and_nothing_is_asked() -> None:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        deliver(make_cyclonedx(OPENSSL))
    assert not Rematch.objects.exists()
    assert not [
        query for query in captured.captured_queries if "osvaffected" in query["sql"] or "matched" in query["sql"]
    ]


def test_a_rescan_that_found_the_same_pays_nothing_for_it() -> None:
    feed(make_advisory())
    config = digest_of("config")
    report = make_report(config=config)
    report["Results"][0]["Packages"] = [{"Name": "openssl", "Version": "1.0", "Identifier": {"PURL": OPENSSL}}]
    deliver(report)
    report["CreatedAt"] = "2026-08-21T09:30:00Z"
    with CaptureQueriesContext(connection) as captured:
        deliver(report)
    touched = [
        query["sql"] for query in captured.captured_queries if "rematch" in query["sql"] or "osv" in query["sql"]
    ]
    assert not touched
    assert not Rematch.objects.exists()


def test_the_newest_whole_list_counts_and_a_shorter_one_takes_nothing_back() -> None:
    feed(make_advisory())
    deliver(make_cyclonedx(OPENSSL, day=20))
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.16-1", day=21))
    assert said() == []
    listed = make_vulnerability("CVE-2099-0007", InstalledVersion="3.0.16-1")
    deliver(make_report(config=digest_of("config"), vulnerabilities=[listed], at="2026-11-22T09:00:00Z"))
    assert Scan.objects.filter(scanner=OSV, package_set=Image.objects.get().package_set).count() == 1


def test_a_notice_on_vulnerabilities_that_stand_there_themselves_is_not_counted_again() -> None:
    deliver(make_cyclonedx(OPENSSL))
    notice = make_advisory("DSA-9999-1", upstream=["CVE-2099-0001", "CVE-2099-0002"])
    feed(notice, make_advisory(), make_advisory("DEBIAN-CVE-2099-0002"))
    assert [row[0] for row in said()] == ["DEBIAN-CVE-2099-0001", "DEBIAN-CVE-2099-0002"]
    feed(notice, make_advisory())
    assert [row[0] for row in said()] == ["DEBIAN-CVE-2099-0001", "DSA-9999-1"]


def test_forgetting_an_ecosystem_closes_what_it_found() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory())
    assert unload("Debian")
    catch_up()
    assert not Scan.objects.filter(scanner=OSV).exists()
    assert (Image.objects.get().state, Image.objects.get().high) == ("unknown", 0)
    assert not unload("Debian")


def test_no_report_speaks_in_its_name() -> None:
    report = make_grype("CVE-2099-0001")
    report["descriptor"]["name"] = "grype"
    bom = make_cyclonedx(OPENSSL)
    bom["metadata"]["tools"]["components"][0]["name"] = "osv"
    deliver(bom)
    assert Scan.objects.get().scanner == "osv (report)"


def test_a_set_that_is_cleared_away_is_made_again() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory())
    Image.objects.update(finding_set=None)
    Scan.objects.filter(scanner=OSV).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM findings_findingset WHERE id NOT IN (SELECT finding_set_id FROM findings_scan)")
    assert FindingSet.objects.count() == 1
    wait_all()
    catch_up()
    assert [row[0] for row in said()] == ["DEBIAN-CVE-2099-0001"]


def test_it_says_so_since_the_list_and_the_advisory_are_known() -> None:
    deliver(make_cyclonedx(OPENSSL, day=20))
    feed(make_advisory())
    image = Image.objects.get()
    OsvRecord.objects.update(first_seen="2026-11-25T00:00:00Z")
    feed(make_advisory(), make_advisory("DEBIAN-CVE-2099-0002"), make_advisory("DEBIAN-CVE-2099-0003"))
    OsvRecord.objects.filter(name="DEBIAN-CVE-2099-0002").update(first_seen="2026-11-01T00:00:00Z")
    assert since(image)["DEBIAN-CVE-2099-0001"] == "2026-11-25 00:00"
    assert since(image)["DEBIAN-CVE-2099-0002"] == "2026-11-20 09:00"
    feed(make_advisory(fixed="9"), make_advisory("DEBIAN-CVE-2099-0002"))
    assert since(image)["DEBIAN-CVE-2099-0001"] == "2026-11-25 00:00"


def since(image: Image) -> dict[str, str]:
    """{advisory: since when `osv` says so}."""
    findings = list(Finding.objects.filter(pk__in=Scan.objects.get(scanner=OSV).finding_set.findings))
    words = overview.said_of(findings, image, overview.testimonies(overview.current_scans(image)))
    return {one.advisory.name: f"{words[one.pk][0].since:%Y-%m-%d %H:%M}" for one in findings}


def test_images_that_are_gone_stand_in_nobodys_way() -> None:
    deliver(make_cyclonedx(OPENSSL))
    Rematch.objects.bulk_create(Rematch(image=10**9 + number) for number in range(SLICE))
    feed(make_advisory())
    catch_up()
    assert Image.objects.get().high == 1
    assert not Rematch.objects.exists()
