"""Every page in a real browser: nothing complains, everybody can use it, and it works without JavaScript too."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.accounts.models import User
from governance.web.addresses import Allowed
from scanning.models import Connection, RepositoryCrawl
from tests.browser.conftest import AXE, Fleet, Visitor
from tests.registry import Shelf, make_built, make_layer, shelved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
RUN_AXE = """axe.run({resultTypes: ["violations"]}).then(found => found.violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.target).join(" ")}`))"""


def violations(visitor: Visitor) -> list[str]:
    """What axe-core finds; run beside the page, because the page's content policy would refuse it."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    wanted = {"expression": f"{AXE.read_text()};{RUN_AXE}", "awaitPromise": True, "returnByValue": True}
    found = session.send("Runtime.evaluate", wanted)["result"]
    session.detach()
    assert "value" in found, found
    return list(found["value"])


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_clean(visit: Any, fleet: Fleet, width: int, scheme: str) -> None:
    visitor = visit(width, scheme)
    for address in fleet.addresses:
        page = visitor.go(address)
        assert page.locator("h1").count() == 1, address
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{address} is {wider} pixels wider than the window"
        assert not page.locator("[onmouseover], [hx-on\\:load], main script, main img").count(), address
    assert visitor.complaints == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (npm, devDependencies of package.json)")
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_everybody_can_use_every_page(visit: Any, fleet: Fleet, width: int, scheme: str) -> None:
    visitor = visit(width, scheme)
    found = {}
    for address in [*fleet.addresses, "/nowhere/"]:
        visitor.go(address)
        if wrong := violations(visitor):
            found[address] = wrong
    assert found == {}


def test_filters_swap_the_table_and_the_address(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go("/images/")
    page.evaluate("window.stayed = true")
    page.select_option("#id_severity", "critical")
    page.wait_for_url("**/images/?severity=critical")
    assert "Critical" in page.locator(".chip").first.inner_text()
    assert page.evaluate("window.stayed") is True
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)
    assert visitor.complaints == []


def test_pages_of_a_list_are_swapped_in(visit: Any, fleet: Fleet) -> None:
    page = visit().go("/images/")
    first = page.locator("tbody tr").first.inner_text()
    page.click("a[rel=next]")
    page.wait_for_url("**/images/?cursor=*")
    page.click("a[rel=prev]")
    expect(page.locator("tbody tr").first).to_have_text(first, use_inner_text=True)


def test_tabs_are_swapped_in(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go(f"/images/{fleet.image.pk}/")
    page.evaluate("window.stayed = true")
    for tab in ("packages", "layers", "scans", "timeline", "checks", "findings"):
        page.click(f".tabs a[href*='/{tab}/']")
        page.wait_for_url(f"**/{tab}/")
        assert tab in page.locator(".tabs a[aria-current]").inner_text().lower()
    assert page.evaluate("window.stayed") is True
    assert visitor.complaints == []


def test_the_tree_is_walked_by_keys(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go(f"/images/{fleet.base.pk}/lineage/")
    expect(page.locator("#tree canvas")).to_have_count(1)
    page.focus("#tree")
    said = page.locator("#tree-says")
    page.keyboard.press("ArrowDown")
    expect(said).to_contain_text("hostile:1 · 2 critical or high")
    page.keyboard.press("ArrowDown")
    expect(said).to_contain_text("2 below, folded")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("unfolded")
    page.keyboard.press("ArrowDown")
    expect(said).to_contain_text("child-2:1.")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/*/lineage/")
    assert visitor.complaints == []


def test_one_click_copies_a_digest(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.go(f"/images/{fleet.image.pk}/")
    page.click(".names-table .digest button")
    page.wait_for_selector("#toasts >> text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == fleet.image.config_digest


def test_a_slash_searches_from_everywhere(visit: Any, fleet: Fleet) -> None:
    page = visit().go("/deliveries/")
    page.keyboard.press("/")
    page.keyboard.type("hostile")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/?q=hostile")
    assert page.locator("tbody tr").count() == 1


def test_the_theme_is_kept(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go("/")
    page.click(".theme button")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    assert page.reload() is not None
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.get_attribute("html", "data-bs-theme") == "dark"


def test_the_menu_opens_on_a_phone(visit: Any, fleet: Fleet) -> None:
    page = visit(390).go("/")
    assert not page.locator(".side").is_visible()
    page.click("[data-menu]")
    page.click(".side a:has-text('Deliveries')")
    page.wait_for_url("**/deliveries/")


def test_a_lost_server_is_said(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go("/images/")
    page.route("**/images/?*", lambda route: route.fulfill(status=503, body="<h1>away</h1>"))
    page.select_option("#id_stage", "ci")
    page.wait_for_selector("#toasts >> text=did not work (503)")
    assert page.locator("tbody tr").count() == 50


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


def test_who_is_no_longer_signed_in_is_asked_to(visit: Any, fleet: Fleet) -> None:
    visitor = visit()
    page = visitor.go("/images/")
    page.context.clear_cookies()
    page.select_option("#id_stage", "ci")
    page.wait_for_url("**/login/?next=*")


def test_a_token_is_revoked_after_a_second_look(visit: Any, fleet: Fleet) -> None:
    page = visit().go("/tokens/")
    page.click(".sure summary")
    page.click(".sure[open] button")
    page.wait_for_selector("#toasts >> text=is revoked")
