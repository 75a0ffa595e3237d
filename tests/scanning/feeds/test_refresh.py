"""Feeds are looked after: conditional, refused when they look broken, the last good copy kept."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from governance.findings.models import DistroLife, ExploitScore, KnownExploited
from governance.web.addresses import Allowed
from scanning import refresh, tasks
from scanning.feeds import FEEDS, FeedError, endoflife, epss, kev
from scanning.models import FeedBody, FeedState
from scanning.refresh import Copy, refresh_due, state_of, take
from tests.governance.web.test_outbound import says, serving
from tests.scanning.feeds.test_feeds import EPSS, KEV, catalogue, entry

pytestmark = pytest.mark.django_db


def scores(*rows: str, day: str = "2026-11-20") -> bytes:
    head = f"#model_version:v1,score_date:{day}T00:00:00+0000\ncve,epss,percentile\n"
    return (head + "".join(f"{row}\n" for row in rows)).encode()


def put(feed: Any, body: bytes, **more: Any) -> int:
    return take(feed, Copy(io.BytesIO(body), "test"), **more)


@pytest.fixture
def off(settings: Any) -> Iterator[Any]:
    settings.FEEDS = dict.fromkeys(settings.FEEDS, "off")
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of(["127.0.0.1"])
    return settings


def test_a_copy_is_kept_with_what_is_known_of_it() -> None:
    assert put(epss, EPSS) == 3
    state = state_of(epss)
    assert (state.rows, state.version, state.source, state.error) == (3, "v2026.03.14", "test", "")
    assert ExploitScore.objects.get(pk="CVE-2099-0002").score == 0.00042
    assert FeedBody.objects.get().state == state


def test_removed_entries_are_taken_away() -> None:
    many = [entry(f"CVE-2099-{number}") for number in range(1000, 1020)]
    put(kev, catalogue(*many))
    put(kev, catalogue(*many[1:], entry("CVE-2099-2000")))
    names = set(KnownExploited.objects.values_list("pk", flat=True))
    assert "CVE-2099-1000" not in names
    assert "CVE-2099-2000" in names


def test_a_copy_that_shrinks_or_is_older_is_refused() -> None:
    put(epss, scores(*(f"CVE-2099-{number},0.5,0.5" for number in range(1000, 1020))))
    for body in (scores("CVE-2099-1000,0.1,0.1"), scores(*["CVE-2099-1000,0.1,0.1"], day="2026-11-01")):
        with pytest.raises(FeedError, match="--force"):
            put(epss, body)
    assert ExploitScore.objects.count() == 20
    assert put(epss, scores("CVE-2099-1000,0.1,0.1"), force=True) == 1
    assert ExploitScore.objects.get().score == 0.1


def test_the_same_bytes_write_nothing(django_assert_num_queries: Any) -> None:
    put(epss, EPSS)
    with django_assert_num_queries(1):
        put(epss, EPSS)


def test_a_server_is_asked_for_what_is_new_only(off: Any) -> None:
    answers = iter([says(KEV, ETag='"1"', Last_Modified="yesterday"), says(b"", 304), says(b"", 500)])

    def answer(request: BaseHTTPRequestHandler) -> None:
        next(answers)(request)

    with serving(answer) as (port, seen):
        off.FEEDS = {**off.FEEDS, "kev": f"http://127.0.0.1:{port}/kev.json"}
        assert [refresh.refresh(kev) for _ in range(3)] == [
            "",
            "",
            f"http://127.0.0.1:{port}/kev.json answers with status 500: check the address of the feed",
        ]
    asked = [(request.headers["If-None-Match"], request.headers["If-Modified-Since"]) for request in seen]
    assert asked == [(None, None), ('"1"', "yesterday"), ('"1"', "yesterday")]
    state = state_of(kev)
    assert "status 500" in state.error
    assert state.tried_at > state.checked_at > state.fetched_at
    assert KnownExploited.objects.count() == 2


def test_a_validator_holds_for_its_own_address_only(off: Any) -> None:
    with serving(says(KEV, ETag='"1"')) as (port, seen):
        for path in ("a", "b"):
            off.FEEDS = {**off.FEEDS, "kev": f"http://127.0.0.1:{port}/{path}"}
            refresh.refresh(kev)
    assert [request.headers["If-None-Match"] for request in seen] == [None, None]


@pytest.mark.parametrize("body", [b"<html>not here</html>", KEV[:50], b""])
def test_the_last_good_copy_stays(off: Any, body: bytes) -> None:
    put(kev, KEV)
    with serving(says(body)) as (port, _):
        off.FEEDS = {**off.FEEDS, "kev": f"http://127.0.0.1:{port}/"}
        assert "not the JSON of this feed" in refresh.refresh(kev)
    assert KnownExploited.objects.count() == 2
    assert state_of(kev).rows == 2


def test_nobody_reachable_is_said_and_tried_again_later(off: Any) -> None:
    off.FEEDS = {**off.FEEDS, "kev": "https://127.0.0.1:9/kev.json"}
    for _ in FEEDS:
        refresh_due()
    state = state_of(kev)
    assert "cannot be reached" in state.error
    assert state.fetched_at is None
    assert not refresh.is_due(kev, state)
    state.tried_at = timezone.now() - timedelta(minutes=31)
    assert refresh.is_due(kev, state)


def test_an_inner_address_is_refused_unless_it_is_listed(off: Any) -> None:
    off.OUTBOUND_ALLOWED_HOSTS = Allowed()
    with serving(says(KEV)) as (port, seen):
        off.FEEDS = {**off.FEEDS, "kev": f"https://127.0.0.1:{port}/"}
        assert "OUTBOUND_ALLOWED_HOSTS" in refresh.refresh(kev)
    assert not seen


def test_a_redirect_is_followed(off: Any) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        (says(KEV) if request.path == "/new" else says(b"", 302, Location="/new"))(request)

    with serving(answer) as (port, _):
        off.FEEDS = {**off.FEEDS, "kev": f"http://127.0.0.1:{port}/"}
        assert refresh.refresh(kev) == ""


def test_a_packed_file_is_read_from_a_server_and_from_a_disk(off: Any, tmp_path: Path) -> None:
    packed = gzip.compress(EPSS)
    with serving(says(packed)) as (port, _):
        off.FEEDS = {**off.FEEDS, "epss": f"http://127.0.0.1:{port}/scores.csv.gz"}
        assert (refresh.refresh(epss), state_of(epss).rows) == ("", 3)
    file = tmp_path / "scores.csv.gz"
    file.write_bytes(gzip.compress(EPSS.replace(b"11-20", b"11-21")))
    off.FEEDS = {**off.FEEDS, "epss": str(file)}
    assert (refresh.refresh(epss), state_of(epss).feed_date.day) == ("", 21)


def test_a_file_is_read_where_there_is_no_network(off: Any, tmp_path: Path) -> None:
    file = tmp_path / "kev.json"
    file.write_bytes(KEV)
    off.FEEDS = {**off.FEEDS, "kev": str(file)}
    assert refresh.refresh(kev) == ""
    off.FEEDS = {**off.FEEDS, "kev": str(tmp_path / "gone.json")}
    assert "No such file" in refresh.refresh(kev)
    assert state_of(kev).rows == 2


def test_a_file_that_is_too_large_is_not_read(off: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kev.json").write_bytes(KEV)
    monkeypatch.setattr(kev, "LIMIT", 100)
    off.FEEDS = {**off.FEEDS, "kev": str(tmp_path / "kev.json")}
    assert "more than 100 bytes" in refresh.refresh(kev)


def test_one_at_a_time(off: Any) -> None:
    state = state_of(kev)
    FeedState.objects.filter(pk=state.pk).update(busy_until=timezone.now() + timedelta(minutes=1))
    assert refresh.refresh(kev) == "another process is at it"
    FeedState.objects.filter(pk=state.pk).update(busy_until=timezone.now() - timedelta(minutes=1))
    assert refresh.refresh(kev) == ""


def test_what_somebody_wants_comes_first(off: Any) -> None:
    FeedState.objects.update_or_create(name="epss", defaults={"tried_at": timezone.now()})
    refresh.want("endoflife")
    tasks.feeds()
    assert state_of(endoflife).tried_at
    assert not state_of(endoflife).is_wanted
    assert state_of(kev).tried_at is None


def test_distributions_start_with_what_ships(off: Any) -> None:
    refresh_due()
    state = state_of(endoflife)
    assert (state.source, state.rows) == ("built in", DistroLife.objects.count())
    # The first real list may be shorter.
    document = {"result": [{"name": "debian", "releases": [{"name": "12", "eolFrom": "2028-06-30"}]}]}
    assert put(endoflife, json.dumps(document).encode()) == 1
    refresh.start_with_built_in(endoflife)
    assert DistroLife.objects.count() == 1


def test_the_command_takes_a_file(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "epss.csv"
    file.write_bytes(EPSS)
    call_command("feeds", "epss", "--file", str(file))
    assert "epss: 3 rows of 2026-11-20" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(KEV)))
    call_command("feeds", "kev", "--file", "-")
    assert "kev: 2 rows of 2026-11-20" in capsys.readouterr().out
    file.write_bytes(b"nothing")
    with pytest.raises(SystemExit):
        call_command("feeds", "epss", "--file", str(file))
    assert ExploitScore.objects.count() == 3
