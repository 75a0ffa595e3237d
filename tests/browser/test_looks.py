"""Every page in a real browser, at which one only looks: nothing complains, and everybody can use it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE, Fleet, Visitor

# The mark has the database made; what is looked at was there before a test began, and is not undone after it.
pytestmark = [pytest.mark.browser, pytest.mark.django_db]

# Each page is opened in one of these and then turned into the other.
LOOKS = [(1440, "light"), (390, "dark")]
RUN_AXE = """axe.run({resultTypes: ["violations"], %s}).then(found => found.violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.target).join(" ")}`))"""
EVERYTHING, CONTRAST = "", 'runOnly: ["color-contrast"]'
# Charts and trees draw themselves anew in the next frame.
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def violations(visitor: Visitor, rules: str) -> list[str]:
    """What axe-core finds; run beside the page, because the page's content policy would refuse it."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    program = AXE.read_text() if rules == EVERYTHING else ""
    wanted = {"expression": f"{program};{RUN_AXE % rules}", "awaitPromise": True, "returnByValue": True}
    found = session.send("Runtime.evaluate", wanted)["result"]
    session.detach()
    assert "value" in found, found
    return list(found["value"])


def turn(page: Page, width: int, scheme: str) -> None:
    """Another window, and other colours."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.evaluate(DRAWN)


def trouble(visitor: Visitor, rules: str) -> list[str]:
    """What is wrong with the page as it stands."""
    page, wrong = visitor.page, []
    if page.locator("h1").count() != 1:
        wrong.append("not one heading")
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wider > 0:
        wrong.append(f"{wider} pixels wider than the window")
    if page.locator("[onmouseover], [hx-on\\:load], main script, main img").count():
        wrong.append("text became markup")
    return [*wrong, *(violations(visitor, rules) if AXE.exists() else [])]


def test_every_page_is_clean_and_everybody_can_use_it(look: Any, standing: Fleet) -> None:
    visitor = look(*LOOKS[0])
    found = {}
    for number, address in enumerate(standing.every_address):
        one, other = LOOKS[number % 2], LOOKS[1 - number % 2]
        turn(visitor.page, *one)
        visitor.go(address)
        wrong = [f"{one}: {text}" for text in trouble(visitor, EVERYTHING)]
        turn(visitor.page, *other)
        wrong += [f"{other}: {text}" for text in trouble(visitor, CONTRAST)]
        wrong += visitor.complaints
        visitor.complaints.clear()
        if wrong:
            found[address] = wrong
    for address in ("/nowhere/", "/login/"):
        visitor.page.context.clear_cookies()
        visitor.go(address)
        found |= {address: wrong} if (wrong := trouble(visitor, EVERYTHING)) else {}
    assert found == {}


def test_filters_swap_the_table_and_the_address(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go("/images/")
    page.evaluate("window.stayed = true")
    page.select_option("#id_severity", "critical")
    page.wait_for_url("**/images/?severity=critical")
    assert "Critical" in page.locator(".chip").first.inner_text()
    assert page.evaluate("window.stayed") is True
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)
    assert visitor.complaints == []


def test_pages_of_a_list_are_swapped_in(look: Any, standing: Fleet) -> None:
    page = look().go("/images/")
    first = page.locator("tbody tr").first.inner_text()
    page.click("a[rel=next]")
    page.wait_for_url("**/images/?cursor=*")
    page.click("a[rel=prev]")
    expect(page.locator("tbody tr").first).to_have_text(first, use_inner_text=True)


def test_tabs_are_swapped_in(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go(f"/images/{standing.image.pk}/")
    page.evaluate("window.stayed = true")
    for tab in ("packages", "layers", "scans", "timeline", "checks", "findings"):
        page.click(f".tabs a[href*='/{tab}/']")
        page.wait_for_url(f"**/{tab}/")
        assert tab in page.locator(".tabs a[aria-current]").inner_text().lower()
    assert page.evaluate("window.stayed") is True
    assert visitor.complaints == []


def test_the_tree_is_walked_by_keys(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go(f"/images/{standing.base.pk}/lineage/")
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


def test_one_click_copies_a_digest(look: Any, standing: Fleet) -> None:
    visitor = look()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.go(f"/images/{standing.image.pk}/")
    page.click(".names-table .digest button")
    page.wait_for_selector("#toasts >> text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == standing.image.config_digest


def test_a_slash_searches_from_everywhere(look: Any, standing: Fleet) -> None:
    page = look().go("/deliveries/")
    page.keyboard.press("/")
    page.keyboard.type("hostile")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/?q=hostile")
    assert page.locator("tbody tr").count() == 1


def test_the_theme_is_kept(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go("/")
    page.click(".theme button")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    assert page.reload() is not None
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.get_attribute("html", "data-bs-theme") == "dark"


def test_the_menu_opens_on_a_phone(look: Any, standing: Fleet) -> None:
    page = look(390).go("/")
    assert not page.locator(".side").is_visible()
    page.click("[data-menu]")
    page.click(".side a:has-text('Deliveries')")
    page.wait_for_url("**/deliveries/")


def test_a_lost_server_is_said(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go("/images/")
    page.route("**/images/?*", lambda route: route.fulfill(status=503, body="<h1>away</h1>"))
    page.select_option("#id_stage", "ci")
    page.wait_for_selector("#toasts >> text=did not work (503)")
    assert page.locator("tbody tr").count() == 50


def test_who_is_no_longer_signed_in_is_asked_to(look: Any, standing: Fleet) -> None:
    visitor = look()
    page = visitor.go("/images/")
    page.context.clear_cookies()
    page.select_option("#id_stage", "ci")
    page.wait_for_url("**/login/?next=*")
