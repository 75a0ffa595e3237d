"""However advisories and lists came, and whatever broke off: the end is as if all were matched anew."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.findings.models import OSV, Finding, Scan
from governance.findings.osv import rematch
from governance.findings.osv.models import Matched, Rematch
from governance.findings.osv.rematch import wait_all, work_off
from governance.findings.osv.store import unload
from governance.images.models import Image
from scanning.models import Delivery
from tests.make import deliver
from tests.make_osv import catch_up, feed, make_advisory, make_cyclonedx
from tests.state import from_nothing

EXAMPLES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PACKAGES = ("openssl", "zlib")
VERSIONS = st.sampled_from(["1.0-1", "1.5-1", "2.0-1"])


@st.composite
def lists(draw: Any) -> dict[str, Any]:
    """An SBOM of one of three images, of Debian 11, 12 or nothing known, with a Python package or without."""
    image = draw(st.integers(1, 3))
    purls = [f"pkg:deb/debian/{name}@{draw(VERSIONS)}" for name in PACKAGES if draw(st.booleans())]
    purls += [f"pkg:pypi/jinja2@{draw(VERSIONS).partition('-')[0]}"] if draw(st.booleans()) else []
    purls += [f"pkg:deb/debian/libssl3@{draw(VERSIONS)}?upstream=openssl"] if draw(st.booleans()) else []
    name, system = f"registry.example/shop/api:{image}", ("debian 11", "debian 12", "")[image - 1]
    return make_cyclonedx(*purls, name=name, config=str(image), system=system, day=draw(st.integers(1, 25)))


@st.composite
def feeds(draw: Any) -> tuple[str, list[dict[str, Any]]]:
    """All that is known of an ecosystem at a time; nothing is an ecosystem that is forgotten."""
    ecosystem = draw(st.sampled_from(["Debian", "PyPI"]))
    names = PACKAGES if ecosystem == "Debian" else ("jinja2",)
    records = [
        make_advisory(
            f"{ecosystem.upper()}-CVE-2099-000{number}",
            draw(st.sampled_from(names)),
            ecosystem if ecosystem == "PyPI" else draw(st.sampled_from(["Debian:11", "Debian:12"])),
            draw(st.sampled_from(["1.2", "1.9", None])),
            withdrawn=draw(st.sampled_from([None, None, "2026-09-01T00:00:00Z"])),
            # What was once said to be one vulnerability stays so (`aliases.py`).
            upstream=[f"CVE-2099-000{number % 2}"],
        )
        for number in draw(st.sets(st.integers(1, 4)))
    ]
    return ecosystem, records


STEPS = st.lists(st.one_of(lists(), feeds()), min_size=2, max_size=8)


def take(step: Any, match: bool = True) -> None:
    """One list or feed arrives."""
    if isinstance(step, dict):
        deliver(step)
    elif step[1]:
        feed(*step[1], ecosystem=step[0], match=match)
    else:
        unload(step[0])


def everything() -> dict[str, Any]:
    """What pages and mails say of each image, in words."""
    found = {}
    for image in Image.objects.present().select_related("finding_set"):
        scans = Scan.objects.filter(image=image, scanner=OSV).select_related("finding_set")
        counters = (image.state, image.critical, image.high, image.medium, image.low, image.unknown, image.rank)
        shown = words(image.finding_set.findings) if image.finding_set else None
        said = [(scan.stage, scan.is_current, words(scan.finding_set.findings)) for scan in scans]
        found[str(image.config_digest)] = (counters, shown, said)
    return found


def words(ids: list[int]) -> list[Any]:
    """Findings in words."""
    rows = Finding.objects.filter(pk__in=ids)
    return sorted(rows.values_list("advisory__name", "package__name", "package__version", "severity", "fixed_version"))


def last_feeds(steps: list[Any]) -> list[Any]:
    """What is known at the end."""
    return list({step[0]: step for step in steps if not isinstance(step, dict)}.values())


@pytest.mark.django_db
@EXAMPLES
@given(STEPS, st.data())
def test_step_by_step_is_as_all_at_once(steps: list[Any], data: Any) -> None:
    # Two lists of one image at one time differ in nothing but their arrival.
    documents = list(
        {
            (row["metadata"]["component"]["name"], row["metadata"]["timestamp"]): row
            for row in steps
            if isinstance(row, dict)
        }.values()
    )
    steps = [step for step in steps if not isinstance(step, dict) or step in documents]
    with from_nothing():
        for step in steps:
            take(step, match=data.draw(st.booleans()))
        catch_up()
        stepwise = everything()
        Matched.objects.all().delete()
        wait_all()
        catch_up()
        assert everything() == stepwise
    with from_nothing():
        for step in data.draw(st.permutations([*documents, *last_feeds(steps)])):
            take(step, match=False)
        catch_up()
        assert everything() == stepwise


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_images_end_as_one_would() -> None:
    for number in range(12):
        system = ("debian 11", "debian 12")[number % 2]
        deliver(make_cyclonedx("pkg:deb/debian/openssl@1.0-1", name=f"a/b:{number}", config=str(number), system=system))
    records = [make_advisory("DSA-1"), make_advisory("DSA-2", ecosystem="Debian:11")]
    feed(*records, match=False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: at_work(), range(4)))
    assert not Rematch.objects.exists()
    assert sorted(scan.image_id for scan in Scan.objects.filter(scanner=OSV)) == sorted(
        Image.objects.values_list("pk", flat=True)
    )
    assert set(Image.objects.values_list("state", "high")) == {("vulnerable", 1)}


def at_work() -> None:
    """What a worker does."""
    try:
        work_off(10)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["spread", "_prepare", "_look_at", "_write", "refresh"])
def test_a_worker_that_is_killed_loses_nothing(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(make_cyclonedx("pkg:deb/debian/openssl@1.0-1"))
    feed(make_advisory(), match=False)
    done = getattr(rematch, step)

    def killed(*arguments: Any, **named: Any) -> Any:
        done(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(rematch, step, killed)
    with pytest.raises(KeyboardInterrupt):
        work_off()
    monkeypatch.setattr(rematch, step, done)
    work_off()
    assert Image.objects.get().high == 1
    assert not Rematch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_load_while_a_list_is_matched_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(make_cyclonedx("pkg:deb/debian/openssl@1.0-1"))
    feed(make_advisory(), match=False)
    done = rematch._prepare

    def meanwhile(*arguments: Any) -> None:
        done(*arguments)
        monkeypatch.setattr(rematch, "_prepare", done)
        feed(make_advisory(), make_advisory("DSA-2"), match=False)

    monkeypatch.setattr(rematch, "_prepare", meanwhile)
    work_off()
    assert Image.objects.get().high == 2


@pytest.fixture(autouse=True)
def _forget(request: pytest.FixtureRequest) -> Iterator[None]:
    """Deliveries are deduplicated by their bytes."""
    yield
    if request.node.get_closest_marker("django_db").kwargs:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {Delivery._meta.db_table} CASCADE")
