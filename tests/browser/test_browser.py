"""What people do in a real browser, with JavaScript and without."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.accounts.models import User
from governance.web.addresses import Allowed
from scanning.models import Connection, RepositoryCrawl
from tests.browser.conftest import Fleet
from tests.registry import Shelf, make_built, make_layer, shelved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_everything_works_without_javascript(visit: Any, fleet: Fleet) -> None:
    page = visit(javascript=False).go("/images/")
    page.select_option("#id_severity", "critical")
    page.click(".filters button")
    assert "severity=critical" in page.url
    page.locator("td .ref").first.click()
    page.click(".tabs a:has-text('Scans')")
    page.click("td a:has-text('#')")
    page.click("text=Deliveries")
    page.click("text=Tokens")
    page.fill("#id_name", "ci")
    page.click(".make button")
    assert page.locator(".made code").first.inner_text().startswith("pw_")
    page.click(".side >> text=People")
    page.fill("#id_username", "two words")
    page.click(".make button")
    assert "Letters, digits" in page.locator(".field-error").inner_text()
    page.fill("#id_username", "newcomer")
    page.click(".make button")
    assert len(page.locator(".made code").inner_text()) == 24
    page.click(".side >> text=Teams")
    page.click("td a:has-text('shop')")
    page.fill("#id_username", "newcomer")
    page.click("#join button")
    assert "newcomer is a member now" in page.locator("#toasts").inner_text()
    page.click(".theme button")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    page.click(".person summary")
    page.click("text=Sign out")
    page.wait_for_url("**/login/")


def test_a_wrong_form_is_swapped_where_it_stands(visit: Any, fleet: Fleet) -> None:
    visitor = visit(390)
    page = visitor.go("/people/")
    page.evaluate("window.stayed = true")
    page.fill("#id_username", "ADA")
    page.fill("#id_name", "Kept")
    page.click("#new button")
    page.wait_for_selector("#new .field-error >> text=Somebody has this name already")
    assert page.input_value("#id_name") == "Kept"
    assert page.evaluate("document.activeElement.id") == "id_username"
    page.fill("#id_username", "newcomer")
    page.click("#new button")
    page.wait_for_selector(".made code")
    assert page.evaluate("window.stayed") is True
    assert page.locator("#people").count() == page.locator("#new").count() == 1
    # The browser itself notes the refused form.
    assert [text for text in visitor.complaints if "422" not in text] == []


def test_a_change_leads_to_the_page_that_shows_it(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go(f"/teams/{fleet.team.pk}/")
    page.select_option("td select", "editor")
    page.click("td .inline-form button")
    page.wait_for_selector("#toasts >> text=is saved")
    page.click(".sure summary")
    page.click(".sure[open] button")
    page.wait_for_selector("text=Nobody is in this team")
    assert visitor.complaints == []


def test_a_registry_is_tried_out_and_nothing_is_saved(visit: Any, ada: User, settings: Any) -> None:
    shelf = Shelf()
    shelf.push("shop/api", make_built(make_layer(a="1")), "1")
    visitor = visit()
    page = visitor.go("/registries/new/")
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        page.fill("#id_base_url", f"http://127.0.0.1:{port}")
        page.fill("#id_secret", "s3cret")
        page.click("button[value=test]")
        expect(page.locator("#check")).to_contain_text("Plain http is refused")
        page.click("#form summary")
        page.check("#id_is_insecure")
        page.click("button[value=test]")
        expect(page.locator("#check .is-works")).to_have_count(5)
    assert page.input_value("#id_secret") == "s3cret"
    assert not Connection.objects.exists()
    page.fill("#id_every_minutes", "0")
    page.click("#form .btn-primary")
    expect(page.locator("#form .field-error")).to_have_count(2)
    expect(page.locator("#form")).to_contain_text("Enter it once more")
    assert [text for text in visitor.complaints if "422" not in text] == []


def test_looking_on_is_no_step_to_go_back_over(visit: Any, fleet: Fleet) -> None:
    page = visit().go(next(one for one in fleet.registries if one.count("/") == 3 and one[-2].isdigit()))
    before = page.evaluate("history.length")
    expect(page.locator("#progress")).to_contain_text("120 of 400 tags")
    RepositoryCrawl.objects.update(tags_done=300)
    expect(page.locator("#progress")).to_contain_text("300 of 400 tags")
    RepositoryCrawl.objects.update(started_at=None, error="")
    expect(page.locator("#progress")).not_to_contain_text("under way")
    expect(page.locator("#table .is-failing")).to_have_count(0)
    assert page.evaluate("history.length") == before


def test_a_token_is_revoked_after_a_second_look(visit: Any, fleet: Fleet) -> None:
    page = visit().go("/tokens/")
    page.click(".sure summary")
    page.click(".sure[open] button")
    page.wait_for_selector("#toasts >> text=is revoked")
