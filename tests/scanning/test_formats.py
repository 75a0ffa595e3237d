"""What is said of formats is said of every parser, and the same in the documentation and on the page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from governance.accounts.models import User
from scanning.formats import FORMATS, row_of
from scanning.parsers import PARSERS
from tests.make import deliver

DOCS = Path(__file__).parents[2] / "docs" / "scanners.md"


def rows_of_docs() -> list[str]:
    return [line for line in DOCS.read_text().splitlines() if re.match(r"\| `[a-z0-9-]+` \| [^|]", line)]


def test_every_parser_has_its_format() -> None:
    names = [one.name for one in FORMATS]
    assert set(names) == {parser.NAME for parser in PARSERS}, "describe the format in scanning/formats.py"
    assert len(names) == len(set(names))


def test_the_documentation_has_the_same_rows() -> None:
    assert [row_of(one) for one in FORMATS] == rows_of_docs(), "scanning/formats.py and docs/scanners.md differ"


def test_the_documentation_says_of_each_what_is_not_kept() -> None:
    rows = re.findall(r"(?m)^\| ([a-z0-9-]+) \| [^|]+ \| [^|]+ \|$", DOCS.read_text())
    # Of an event nothing is kept but names and digests: one row says it of all.
    assert {one.name for one in FORMATS} - set(rows) == {one.name for one in FORMATS if one.name.endswith("-event")}


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_every_format_says_how_it_is_made_and_what_is_kept(one) -> None:
    assert one.kept
    assert one.commands or one.remark
    assert "`" not in one.title + one.remark


@pytest.mark.django_db
def test_the_page_shows_every_format_and_how_to_send_it(client: Client, mate: User, settings) -> None:
    settings.BASE_URL = "https://portwarden.example"
    client.force_login(mate)
    page = unescape(client.get("/deliveries/formats/").content.decode())
    for one in FORMATS:
        assert f'id="{one.name}"' in page
        for text in (one.title, one.kept, *one.commands):
            assert text in page
    assert "https://portwarden.example/api/v1/reports/?image=REF&stage=ci&wait=30" in page
    assert "https://portwarden.example/api/v1/reports/?subject=$(hostname)" in page


@pytest.mark.django_db
def test_the_page_is_linked_from_where_people_look_for_it(client: Client, admin: User) -> None:
    client.force_login(admin)
    for address in ("/", "/deliveries/", "/posture/"):
        assert 'href="/deliveries/formats/"' in client.get(address).content.decode(), address
    quarantined, done = deliver(b'{"hello": 1}'), deliver(b"null", image="registry.example/shop/api:1")
    assert 'href="/deliveries/formats/"' in client.get(f"/deliveries/{quarantined.pk}/").content.decode()
    assert 'href="/deliveries/formats/"' not in client.get(f"/deliveries/{done.pk}/").content.decode()
