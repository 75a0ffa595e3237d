"""Licences: what stands in reports becomes SPDX where that is plain, and each scan's word stays its own."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.findings.licence_sets import Licences, licences_of
from governance.findings.licences import LONGEST, MOST, Kind, kind_of, read_licences
from governance.findings.models import Licence, LicenceSet, Package, PackageSet, Scan
from governance.images.models import Image
from tests.make import deliver, digest_of, make_report

CONFIG = digest_of("config")


@pytest.mark.parametrize(
    ("written", "text", "names"),
    [
        (["MIT"], "MIT", ["MIT"]),
        (["mit"], "MIT", ["MIT"]),
        (["Expat", "MIT"], "MIT", ["MIT"]),
        (["GPL-2"], "GPL-2.0-only", ["GPL-2.0-only"]),
        (["GPL-2.0+"], "GPL-2.0-or-later", ["GPL-2.0-or-later"]),
        (["GPLv2+ and MIT"], "GPL-2.0-or-later AND MIT", ["GPL-2.0-or-later", "MIT"]),
        (["GPL2 BSD MIT"], "GPL-2.0-only, BSD, MIT", ["GPL-2.0-only", "BSD", "MIT"]),
        (["LGPL-2.1+", "GPL-3"], "LGPL-2.1-or-later, GPL-3.0-only", ["LGPL-2.1-or-later", "GPL-3.0-only"]),
        (["(MIT OR Apache-2.0) AND Zlib"], "(MIT OR Apache-2.0) AND Zlib", ["MIT", "Apache-2.0", "Zlib"]),
        (["MIT or GPLv2"], "MIT OR GPL-2.0-only", ["MIT", "GPL-2.0-only"]),
        (["Apache License, Version 2.0"], "Apache-2.0", ["Apache-2.0"]),
        (["GNU General Public License v2 or later (GPLv2+)"], "GPL-2.0-or-later", ["GPL-2.0-or-later"]),
        (
            ["GPL-2.0 WITH Classpath-exception-2.0"],
            *("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"]),
        ),
        (
            ["GPL-2.0-only WITH Linux-syscall-note OR MIT"],
            *("GPL-2.0-only WITH Linux-syscall-note OR MIT", ["GPL-2.0-only WITH Linux-syscall-note", "MIT"]),
        ),
        # What is no list of names is kept as it is written.
        (["GPL-9"], "GPL-9", ["GPL-9"]),
        (
            ["our own, see the file (in German)"],
            "our own, see the file (in German)",
            ["our own, see the file (in German)"],
        ),
        (["LicenseRef-house and MIT"], "LicenseRef-house AND MIT", ["LicenseRef-house", "MIT"]),
        (["NOASSERTION", "", "none", "()", "\x00"], "", []),
    ],
)
def test_what_is_written_becomes_spdx_where_that_is_plain(written, text, names) -> None:
    assert read_licences(written) == (text, tuple(names))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AGPL-3.0-only", Kind.NETWORK),
        ("SSPL-1.0", Kind.NETWORK),
        ("GPL-2.0-or-later", Kind.COPYLEFT),
        ("GNU General Public License, as it comes", Kind.COPYLEFT),
        ("BUSL-1.1", Kind.RESTRICTED),
        ("LGPL-2.1-only", Kind.WEAK),
        ("MPL-2.0", Kind.WEAK),
        ("GPL-2.0-only WITH Classpath-exception-2.0", Kind.WEAK),
        ("GPL-2.0-only WITH OpenSSL-exception", Kind.COPYLEFT),
        ("BSL-1.0", Kind.PERMISSIVE),
        ("Apache-2.0 WITH LLVM-exception", Kind.PERMISSIVE),
        ("public-domain", Kind.PERMISSIVE),
        ("custom", Kind.OTHER),
    ],
)
def test_how_far_a_licence_binds(name, kind) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    "evil", ["a and " * 200, "x with " * 200, "(" * 1_000, "GPL-2+ with " * 90, "a" * 10_000, "MIT," * 400, "\ud800"]
)
def test_hostile_texts_are_read_at_once_and_stay_short(evil) -> None:
    begun = time.perf_counter()
    text, names = read_licences([evil] * 32)
    assert time.perf_counter() - begun < 1
    assert len(names) <= MOST
    assert len(text) <= 1_000
    assert all(len(name) <= LONGEST for name in names)


def package(name: str, *licences: Any, version: str = "1.0") -> dict[str, Any]:
    purl = f"pkg:deb/debian/{name}@{version}"
    return {"Name": name, "Version": version, "Identifier": {"PURL": purl}, "Licenses": list(licences)}


def report(*packages: dict[str, Any], day: int = 20, config: str = CONFIG) -> dict[str, Any]:
    made = make_report(
        f"registry.example/shop/{config[7:15]}:1", config=config, vulnerabilities=[], at=f"2026-11-{day}T09:30:00Z"
    )
    made["Results"][0]["Packages"] = list(packages)
    return made


def licences(config: str) -> Licences:
    return licences_of(*Image.objects.values_list("pk", "package_set").get(config_digest=config))


def told(config: str = CONFIG) -> dict[str, str]:
    found = licences(config)
    names = dict(Package.objects.values_list("pk", "name"))
    return {names[package]: one.text for package, one in found.told.items()}


@pytest.mark.django_db
def test_a_report_tells_the_licences_of_its_packages() -> None:
    deliver(report(package("openssl", "Apache-2.0"), package("bash", "GPL-3+"), package("own")))
    assert told() == {"openssl": "Apache-2.0", "bash": "GPL-3.0-or-later"}
    found = licences(CONFIG)
    assert (found.packages, found.untold, found.scanners) == (3, 1, ["trivy"])
    assert [(one.name, one.kind, one.packages) for one in found.counts] == [
        ("GPL-3.0-or-later", Kind.COPYLEFT, 1),
        ("Apache-2.0", Kind.PERMISSIVE, 1),
    ]


@pytest.mark.django_db
def test_a_known_package_list_takes_licences_from_the_next_report_that_tells_them() -> None:
    deliver(report(package("bash")))
    assert told() == {}
    deliver(report(package("bash", "GPL-3+"), day=21))
    assert (told(), PackageSet.objects.count()) == ({"bash": "GPL-3.0-or-later"}, 1)
    # A scan speaks for its own key: what the newest of them does not tell is not told.
    deliver(report(package("bash"), day=22))
    assert told() == {}


@pytest.mark.django_db
def test_one_senders_word_is_not_anothers() -> None:
    deliver(report(package("bash", "GPL-3+")))
    deliver(report(package("bash", "MIT"), config=digest_of("other")))
    assert (told(), told(digest_of("other"))) == ({"bash": "GPL-3.0-or-later"}, {"bash": "MIT"})
    assert (PackageSet.objects.count(), LicenceSet.objects.count(), Licence.objects.count()) == (1, 2, 2)


@pytest.mark.django_db
def test_equal_words_are_stored_once_whatever_their_order() -> None:
    deliver(report(package("bash", "GPL-3+"), package("zlib", "Zlib")))
    deliver(report(package("zlib", "Zlib"), package("bash", "GPL-3+"), config=digest_of("other")))
    assert LicenceSet.objects.count() == 1
    assert told() == told(digest_of("other")) == {"bash": "GPL-3.0-or-later", "zlib": "Zlib"}


@pytest.mark.django_db
def test_a_package_in_two_places_has_the_licences_of_both() -> None:
    twice = [{**package("left", name), "FilePath": f"/{name}"} for name in ("MIT", "ISC")]
    deliver(report(*twice))
    assert told() == {"left": "MIT, ISC"}


@pytest.mark.django_db
def test_another_scanners_word_reaches_the_packages_that_are_shown() -> None:
    """Syft knows bash's licence, Trivy's newer list its source package: rows of their own, one package."""
    artifact = {"name": "bash", "version": "1.0", "type": "deb", "purl": "pkg:deb/debian/bash@1.0"}
    source = {"type": "image", "metadata": {"userInput": "registry.example/shop/api:1", "imageID": CONFIG}}
    sbom = {
        "artifacts": [{**artifact, "licenses": [{"value": "GPL-3+", "spdxExpression": ""}]}],
        "artifactRelationships": [],
        "source": source,
        "descriptor": {"name": "syft", "version": "1.51.0", "timestamp": "2026-11-19T09:00:00Z"},
    }
    deliver(sbom)
    deliver(report({**package("bash"), "SrcName": "bash", "SrcVersion": "1.0"}, package("zlib", "Zlib")))
    assert told() == {"bash": "GPL-3.0-or-later", "zlib": "Zlib"}


@pytest.mark.django_db
def test_a_rescan_of_known_licences_takes_no_more_statements() -> None:
    """The seven of before: the claim of the delivery, and five that finish it."""
    sent = []
    for day, licences in ((20, ()), (21, ()), (20, ("MIT",)), (21, ("MIT",))):
        with CaptureQueriesContext(connection) as asked:
            deliver(report(package("bash", *licences), day=day, config=digest_of(str(licences))))
        sent.append(len([one for one in asked if "SAVEPOINT" not in one["sql"]]))
    assert sent[1] == sent[3]
    assert sent[2] - sent[0] <= 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "licences", [["\x00GPL-2\x00"], ["a" * 5_000] * 50, ["é\u202e"], [f"own-{n}" for n in range(99)]]
)
def test_hostile_licences_are_kept_short_and_change_nothing_else(licences) -> None:
    row = deliver(report(package("bash", *licences)))
    assert row.state == "done"
    (one,) = Licence.objects.all()
    assert len(one.text) <= 1_000
    assert 1 <= len(one.names) <= MOST
    assert Scan.objects.get().package_set.packages


@pytest.mark.django_db
def test_more_different_words_than_any_image_holds_are_read_so_far(monkeypatch) -> None:
    monkeypatch.setattr("governance.findings.licence_sets.MOST", 3)
    deliver(report(*(package(f"lib{number}", f"own-{number}") for number in range(9))))
    assert len(told()) == 3


@pytest.mark.django_db
def test_what_reads_alike_and_was_taken_apart_otherwise_is_another_row(monkeypatch) -> None:
    """As after a change of the rules: what was stored by the old ones is not taken for what the new ones say."""
    deliver(report(package("bash", "house rules")))
    monkeypatch.setattr("governance.findings.sets.RULES", 2)
    monkeypatch.setattr("governance.findings.licence_sets.read_licences", lambda _: ("house rules", ("house", "rules")))
    deliver(report(package("bash", "house rules"), day=21))
    assert [one.name for one in licences(CONFIG).counts] == ["house", "rules"]
    assert Licence.objects.count() == 2
