"""What people complain of in public, each as they tell it: sent over HTTP, told by the API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.accounts.models import Team, User
from governance.findings.models import Finding, FindingSet, Scan
from governance.images.models import Image, Repository
from scanning import ingest
from tests.conftest import Machine
from tests.make import digest_of, make_grype, make_report, make_token, make_vulnerability
from tests.state import rows

pytestmark = pytest.mark.django_db
API, ADMIN = "registry.example/shop/api:1.0", "registry.example/shop/admin:1.0"
ONE, TWO = "CVE-2099-0001", "CVE-2099-0002"


def ago(days: int) -> str:
    """So many days before now, as scanners write it."""
    return (timezone.now() - timedelta(days=days)).strftime("%Y-%m-%dT09:00:00Z")


def report(word: str, names: tuple[str, ...], days: int, name: str = API, **fields: Any) -> dict[str, Any]:
    """What Trivy found in the image `word` so many days ago."""
    found = [make_vulnerability(one, **fields) for one in names]
    return make_report(name, digest_of(word), found, at=ago(days))


def grype(*names: str, days: int, **given: Any) -> dict[str, Any]:
    """What Grype found in the image "config"."""
    whole = make_grype(names[0] if names else ONE, **given)
    matches = [make_grype(name, **given)["matches"][0] for name in names]
    return whole | {"matches": matches, "descriptor": {"name": "grype", "timestamp": ago(days)}}


def send(machine: Machine, document: Any, **query: str) -> dict[str, Any]:
    """Post a report, work it off, and say what became of it."""
    answer = machine.post("/api/v1/reports/", json.dumps(document), content_type="application/json", query_params=query)
    assert answer.status_code in (200, 202), answer.content
    ingest.work_off()
    told: dict[str, Any] = machine.get(answer["Location"]).json()
    assert told["state"] == "processed", told["error"]
    return told


def findings(reader: Machine, image: Image) -> dict[str, Any]:
    """The lines of an image by vulnerability, as the API gives them."""
    rows = reader.get(f"/api/v1/images/{image.pk}/findings/").json()["results"]
    assert len({row["vulnerability"] for row in rows}) == len(rows)
    return {row["vulnerability"]: row for row in rows}


def since(line: dict[str, Any]) -> dict[str, str]:
    """Since when each scanner says so: the day."""
    return {one["scanner"]: one["since"][:10] for one in line["said_by"]}


def by_config(word: str) -> Image:
    """The image with this config digest."""
    return Image.objects.present().get(config_digest=digest_of(word))


def test_a_neighbours_report_closes_nothing(machine: Machine, reader: Machine) -> None:
    send(machine, report("api", (ONE, TWO), 5))
    send(machine, report("admin", (TWO,), 4, ADMIN))
    send(machine, report("admin", (), 3, ADMIN))
    assert set(findings(reader, by_config("api"))) == {ONE, TWO}
    assert findings(reader, by_config("admin")) == {}
    assert by_config("admin").state == Image.State.CLEAN


def test_a_report_of_another_place_or_scanner_closes_nothing(machine: Machine, reader: Machine) -> None:
    send(machine, report("config", (ONE,), 5), stage="registry")
    send(machine, report("config", (), 4), stage="ci")
    send(machine, grype(days=3), stage="registry")
    assert set(findings(reader, by_config("config"))) == {ONE}


def test_a_new_build_under_the_same_tag_leaves_the_old_image_as_it_was(machine: Machine, reader: Machine) -> None:
    send(machine, report("build 1", (ONE, TWO), 5))
    send(machine, report("build 2", ("CVE-2099-0003",), 4))
    assert set(findings(reader, by_config("build 1"))) == {ONE, TWO}
    assert set(findings(reader, by_config("build 2"))) == {"CVE-2099-0003"}


def test_the_same_image_under_a_new_tag_is_the_same_image_with_its_history(machine: Machine, reader: Machine) -> None:
    send(machine, report("api", (ONE,), 9))
    before = findings(reader, by_config("api"))[ONE]
    send(machine, report("api", (ONE,), 1, "registry.example/shop/api:2.0"))
    assert Image.objects.count() == 1
    assert findings(reader, by_config("api"))[ONE] == before
    assert since(before) == {"trivy": ago(9)[:10]}
    names = {row["name"] for row in reader.get(f"/api/v1/images/{by_config('api').pk}/").json()["tags"]}
    assert names == {"1.0", "2.0"}


def test_an_image_of_two_names_has_one_list_of_findings_and_both_owners(reader: Machine) -> None:
    teams = {}
    for name in (API, "registry.example/payments/api:7"):
        token, secret = make_token(team=Team.objects.create(name=name))
        teams[name] = token.team_id
        send(Machine(secret), report("api", (ONE,), 3, name))
    image = Image.objects.get()
    assert sorted(image.owners) == sorted(teams.values())
    assert set(findings(reader, image)) == {ONE}
    assert Repository.objects.count() == 2


def test_an_empty_report_after_a_full_one_closes_what_it_looked_at_and_keeps_the_history(
    machine: Machine, reader: Machine
) -> None:
    send(machine, report("api", (ONE,), 5))
    send(machine, report("api", (), 4))
    assert findings(reader, by_config("api")) == {}
    assert by_config("api").state == Image.State.CLEAN
    assert Scan.objects.filter(finding_set__high=1).count() == 1


def test_an_empty_report_that_proves_nothing_closes_nothing(machine: Machine, reader: Machine) -> None:
    send(machine, report("api", (ONE,), 5))
    blind = report("api", (), 4)
    blind["Results"], blind["Metadata"]["OS"] = None, None
    send(machine, blind)
    send(machine, None, image=API)  # `null` is what an old Trivy wrote of an image without a package
    assert set(findings(reader, by_config("api"))) == {ONE}
    assert by_config("api").state == Image.State.VULNERABLE


def test_an_old_empty_report_that_comes_late_closes_nothing(machine: Machine, reader: Machine) -> None:
    send(machine, report("api", (ONE,), 3))
    send(machine, report("api", (), 9))
    assert set(findings(reader, by_config("api"))) == {ONE}


def test_an_empty_report_of_a_system_past_its_end_of_life_is_not_clean(machine: Machine) -> None:
    document = report("api", (), 1)
    document["Metadata"]["OS"]["EOSL"] = True
    send(machine, document)
    assert by_config("api").state == Image.State.END_OF_LIFE


def test_a_scan_that_failed_is_seen_and_does_not_look_clean(machine: Machine, reader: Machine) -> None:
    blind = report("api", (), 1)
    blind["Results"], blind["Metadata"]["OS"] = [], None
    send(machine, blind)
    told = reader.get("/api/v1/images/", query_params={"state": ["unknown", "failed"]}).json()["results"]
    assert [row["id"] for row in told] == [by_config("api").pk]


def test_a_report_that_cannot_be_read_is_kept_and_says_so_to_who_waits(machine: Machine) -> None:
    answer = machine.post("/api/v1/reports/", b'{"SchemaVersion": 2,', content_type="application/json")
    ingest.work_off()
    told = machine.get(answer["Location"]).json()
    assert (told["state"], bool(told["error"])) == ("quarantined", True)
    again = machine.post("/api/v1/reports/?wait=1", b'{"SchemaVersion": 2,', content_type="application/json")
    assert (again.status_code, again.json()["id"]) == (422, told["id"])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"Title": "told otherwise", "Description": "in other words"}, id="title and description"),
        pytest.param({"PrimaryURL": "https://elsewhere.example/", "References": ["https://a.example/"]}, id="links"),
        pytest.param({"CVSS": {"nvd": {"V3Score": 9.9}}, "PublishedDate": "2026-01-01T00:00:00Z"}, id="score"),
    ],
)
def test_changed_texts_make_no_new_finding(machine: Machine, reader: Machine, changed: dict[str, Any]) -> None:
    send(machine, report("api", (ONE,), 5))
    before, sets = findings(reader, by_config("api")), FindingSet.objects.count()
    send(machine, report("api", (ONE,), 4, **changed))
    assert findings(reader, by_config("api")) == before
    assert (Finding.objects.count(), FindingSet.objects.count()) == (1, sets)


def test_a_changed_severity_or_fix_is_the_same_line_with_its_first_day(machine: Machine, reader: Machine) -> None:
    send(machine, report("api", (ONE,), 9))
    send(machine, report("api", (ONE,), 4, Severity="CRITICAL"))
    send(machine, report("api", (ONE,), 3, Severity="CRITICAL", FixedVersion="1.2", Status="fixed"))
    image = by_config("api")
    assert (image.critical, image.high, image.findings_total) == (1, 0, 1)
    line = findings(reader, image)[ONE]
    assert (line["severity"], line["fixed_version"], since(line)) == ("critical", "1.2", {"trivy": ago(9)[:10]})


def test_two_scanners_make_one_list_and_each_is_heard(machine: Machine, reader: Machine) -> None:
    send(machine, report("config", (ONE, TWO), 5))
    send(machine, grype("GHSA-0000-0000-0001", days=3, aliases=[ONE], severity="Critical"))
    lines = findings(reader, by_config("config"))
    assert set(lines) == {ONE, TWO}
    assert since(lines[ONE]) == {"trivy": ago(5)[:10], "grype": ago(3)[:10]}
    assert since(lines[TWO]) == {"trivy": ago(5)[:10]}
    send(machine, report("config", (TWO,), 1))
    lines = findings(reader, by_config("config"))
    assert since(lines[ONE]) == {"grype": ago(3)[:10]}
    assert by_config("config").findings_total == 2


def test_what_the_vendor_calls_not_affected_does_not_shout_and_is_not_hidden(
    machine: Machine, reader: Machine, admin: User, client: Any
) -> None:
    send(machine, report("api", (ONE,), 5, Status="not_affected"))
    image = by_config("api")
    assert (image.findings_total, image.suppressed, image.state) == (0, 1, Image.State.SUPPRESSED)
    assert findings(reader, image) == {}
    client.force_login(admin)
    assert ONE in client.get(f"/images/{image.pk}/", {"suppressed": "true"}).content.decode()
    send(machine, report("api", (ONE,), 4, Status="affected"))
    assert set(findings(reader, by_config("api"))) == {ONE}


def test_identical_bytes_write_nothing(machine: Machine) -> None:
    document = report("api", (ONE, TWO), 5)
    first = send(machine, document)
    before = rows()
    again = machine.post("/api/v1/reports/", json.dumps(document), content_type="application/json")
    assert ingest.work_off() == 0
    assert (again.status_code, again.json()["id"], again.json()["duplicate"]) == (200, first["id"], True)
    assert rows() == before
